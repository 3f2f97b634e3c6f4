/*
 * types.h - how this project's values are written: addresses, URLs, secrets, hashes, dates.
 *
 * Room: settings. Private to the room. Pure.
 */
#ifndef SETTINGS_TYPES_H
#define SETTINGS_TYPES_H

#include "conf/keys.h"
#include "settings/settings.h"

extern const struct conf_type types_version;
extern const struct conf_type types_address;   /* 127.0.0.1:8080, [::1]:8080 */
extern const struct conf_type types_url;       /* http(s)://host[:port][/path] */
extern const struct conf_type types_proxy;     /* the same, or "none" (then the number is 1) */
extern const struct conf_type types_secret;    /* env:NAME ...; the number is a types_source */
extern const struct conf_type types_hash;      /* sha256:64 hex digits */
extern const struct conf_type types_date;      /* 2027-03-31; the number is Unix time in ms */
extern const struct conf_type types_target;    /* provider/model */
extern const struct conf_type types_model;     /* a name that clients send */
extern const struct conf_type types_models;    /* the same with '*' */
extern const struct conf_type types_priced;    /* provider/model with '*' in the model */
extern const struct conf_type types_strategy;  /* a route_strategy */
extern const struct conf_type types_go_on;     /* off, family, any, instruct, replay */
extern const struct conf_type types_unknown;   /* warn, block */
extern const struct conf_type types_unproven;  /* enum settings_unproven */
extern const struct conf_type types_content;   /* final, next */
extern const struct conf_type types_prefer;    /* a types_prefer_word */
extern const struct conf_type types_require;   /* tools, ...; see types_required() */
extern const struct conf_type types_retention; /* none (0) or a duration */
extern const struct conf_type types_training;  /* no, yes */
extern const struct conf_type types_filter;    /* provider, none */
extern const struct conf_type types_safety;    /* any, required */
extern const struct conf_type types_workers;   /* auto (0) or a count */
extern const struct conf_type types_provider;  /* a provider row; the number is its index */
extern const struct conf_type types_terminal;  /* done, finish */
extern const struct conf_type types_close;     /* gone, allow */
extern const struct conf_type types_http;      /* a settings_http */
extern const struct conf_type types_url_path;  /* /health */
extern const struct conf_type types_place;     /* a region or a project */
extern const struct conf_type types_cloud;     /* aws, ...; the number is a types_kind */

/* The words of `prefer`. */
enum types_prefer_word { PREFER_FAMILY, PREFER_REGION, PREFER_NOBODY };

/* The capability (CAP_...) that a number of types_require is about. */
uint32_t types_required(uint64_t num);

/* The words of `credentials.kind`; none is written: KIND_ANY. */
enum types_kind { KIND_STATIC, KIND_AWS, KIND_GOOGLE, KIND_AZURE, KIND_ANY };

enum types_source { SOURCE_ENV, SOURCE_FILE, SOURCE_CRED };

/* Take a URL apart; the spans point into text. */
MUST_CHECK int types_read_url(struct settings_url *ret, struct span text, struct err *e);

/* The 32 bytes of a text of types_hash. */
MUST_CHECK int types_read_hash(uint8_t ret[32], struct span text);

/* What kind of address a URL's host is, as far as its text says. */
enum types_host {
    HOST_NAME, /* a name: DNS will tell */
    HOST_PUBLIC,
    HOST_LOOPBACK,
    HOST_PRIVATE,
    HOST_FORBIDDEN, /* metadata services, unspecified, multicast: never a target */
};
enum types_host types_host_kind(struct span host);

#endif
