/*
 * h1_request.c - the reader of requests against itself cut elsewhere, and against the writer.
 *
 * The first byte of the input chooses the cut. Must hold: no cut changes what is read; a head
 * that is accepted, written again by h1_write and read again, is the same head; so nothing that
 * the reader lets pass can be a second message for the next one.
 */
#include "h1_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    return h1_message_check(true, data, len);
}
