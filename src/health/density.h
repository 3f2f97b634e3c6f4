/*
 * density.h - how many bytes of a request make a token, as a target has counted them. One word, so
 * that processes can share it.
 *
 * Nobody here has the tokenizers of all models, and none would be right for what is added around
 * the text. But each answer says how many tokens its request had: so the next one's are known
 * well, as far as the texts are alike. The most bytes that a token has had lately say how few
 * tokens a text may have.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_DENSITY_H
#define HEALTH_DENSITY_H

#include "base/base.h"

#define DENSITY_USUAL 4u   /* bytes a token, where nobody knows */
#define DENSITY_LEAST 256u /* bytes: smaller requests say little about text */

/* The word after a request of so many bytes had so many tokens. */
uint64_t density_note(uint64_t word, uint64_t bytes, uint64_t tokens);

/* How many tokens so many bytes are, most likely. */
uint64_t density_tokens(uint64_t word, uint64_t bytes);

/* ... and how many they are at the least: half as many as if each token were as long as the longest
 * lately. Until enough is known, one for 16 bytes. */
uint64_t density_tokens_least(uint64_t word, uint64_t bytes);

#endif
