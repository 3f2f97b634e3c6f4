/*
 * token.h - sources of credentials for clouds, as pure steps: a request to make, a reader of its
 * answer, and the next step. Who sends the requests, keeps what they gave and renews it is the
 * room cred; which source a provider has is settled when the configuration is loaded.
 *
 * A new source is a list of steps; a step is two functions. Neither touches a socket, a file or a
 * clock: the content of a file and the time stand in the flow.
 *
 * Room: provider. Pure. Threads: any.
 */
#ifndef PROVIDER_TOKEN_H
#define PROVIDER_TOKEN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define TOKEN_STEPS_MAX  3
#define TOKEN_FIELDS_MAX 4
#define TOKEN_BODY_MAX   ((size_t)64 * 1024) /* most of an answer */
#define TOKEN_FILE_MAX   ((size_t)16 * 1024) /* most of a file with a token */
#define TOKEN_NEVER      UINT64_MAX          /* a lifetime without an end */

/* What a source has to be told. Which of them, and what they are to it, says its own file. */
enum token_value {
    TOKEN_URL, /* of the service that gives the token ... */
    TOKEN_SUBJECT_URL,
    TOKEN_IMPERSONATE_URL,
    TOKEN_URLS, /* ... these three are URLs; what follows is not */
    TOKEN_ID = TOKEN_URLS,
    TOKEN_SECRET,
    TOKEN_SESSION,
    TOKEN_KEY_ID,
    TOKEN_SCOPE,
    TOKEN_ROLE,
    TOKEN_AUDIENCE,
    TOKEN_SUBJECT_TYPE,
    TOKEN_SUBJECT_FIELD, /* member of a JSON text that has the token; absent: all of the text */
    TOKEN_FIELD_NAME,    /* of a header field to send ... */
    TOKEN_FIELD_VALUE,   /* ... and its value */
    TOKEN_FILE,          /* path of a file that is read anew for each token */
    TOKEN_VALUES,
};

struct token_conf {
    struct span v[TOKEN_VALUES];
};

struct token_field {
    struct span name; /* lower case */
    struct span value;
};

struct token_request {
    enum token_value url; /* which of the URLs */
    struct span path;     /* origin form, in place of the URL's own; absent: that */
    const char *method;
    struct token_field fields[TOKEN_FIELDS_MAX];
    size_t fields_n;
    struct span body; /* absent: none */
};

/* What a source gives: a token, or AWS's three words. Spans of the flow. */
struct token_grant {
    struct span token;
    struct span id, secret, session; /* session may be absent */
    uint64_t lifetime_s;             /* 0: it is over; TOKEN_NEVER */
};

/* One run through the steps of a source. */
struct token_flow {
    const struct token_conf *conf;
    struct arena *arena;     /* all that is made lives there; it holds secrets */
    uint64_t now_s;          /* Unix time */
    struct span file;        /* what stands in TOKEN_FILE, without white space around it */
    struct span first, role; /* what earlier steps gave to later ones */
    struct token_grant grant;
};

struct token_step {
    const char *what; /* who is asked, for people: "AWS's token service" */
    bool file;        /* TOKEN_FILE has to be read before */
    int (*ask)(const struct token_flow *f, struct token_request *ret, struct err *e);
    /* The body of an answer of status 200. -1: it is not what it must be. */
    int (*read)(struct token_flow *f, struct span body, struct err *e);
};

/* Names begin with the stems of the files that have them: aws_token_*, google_token_*,
 * azure_token_*. */
struct token_source {
    const char *name; /* for people: "web identity" */
    size_t steps_n;   /* 0: the grant is in the configuration */
    struct token_step steps[TOKEN_STEPS_MAX];
};

/* Say what an answer of another status means, from its body only the words that are codes: the
 * rest may repeat a secret. Returns -1. */
int token_refused(struct err *e, uint16_t status, struct span body);

/* ---- for the sources ---- */

/* Append "&name=value", both escaped, or without the '&' as the first of out. */
struct buf;
void token_add_form(struct buf *out, const char *name, struct span value);

/* Make *ret a POST of that form to a URL. */
int token_post_form(const struct token_flow *f, struct token_request *ret, enum token_value url,
                    const struct buf *form, struct err *e);

/* Make *ret a GET with one field, or none (value absent). */
int token_get(struct token_request *ret, enum token_value url, struct span path, struct span name,
              struct span value);

/* Read the members of a JSON object that are texts or numbers. */
struct token_member {
    const char *name;
    size_t at;   /* offset of a struct span in what is filled */
    bool needed; /* -1 without it */
};
MUST_CHECK int token_read_json(void *ret, struct span text, struct arena *a,
                               const struct token_member *members, size_t n, struct err *e);

/* {"access_token":...,"expires_in":...} or with "expires_on", as OAuth's servers and the metadata
 * services of clouds answer; numbers may be texts. */
int token_read_bearer(struct token_flow *f, struct span body, struct err *e);

/* "2026-11-26T20:00:00Z", or as RFC 3339 writes it otherwise, as Unix time. */
MUST_CHECK int token_read_time(struct span text, uint64_t *ret);

/* How long until then; 0: it is over. */
static inline uint64_t token_left(uint64_t until_s, uint64_t now_s)
{
    return until_s > now_s ? until_s - now_s : 0;
}

/* May it go into a header field? A token from outside is held to that before it is used. */
bool token_sendable(struct span s);

#endif
