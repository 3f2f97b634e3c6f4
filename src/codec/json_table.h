/*
 * json_table.h - the grammar of JSON as one table: state x class of byte -> next state, or one
 * of the few actions that json_scan.c must take itself. What is missing is 0: BAD.
 *
 * Only json_scan.c includes this; it stands apart because it is read apart. Strings are checked
 * to the last bit of UTF-8, numbers to RFC 8259, all without looking back, which is what lets a
 * text be cut anywhere. An escaped surrogate may stand alone, as the RFC's grammar has it: streams
 * cut pairs in two.
 *
 * Room: codec. Pure data.
 */
#ifndef CODEC_JSON_TABLE_H
#define CODEC_JSON_TABLE_H

#include "base/base.h"

enum json_class {
    C_BAD,   /* control bytes, and bytes that never occur in UTF-8 */
    C_BLANK, /* tab, LF, CR: white space, but not in a string */
    C_QUOTE,
    C_BACKSLASH,
    C_SPACE, /* from here to C_OTHER: may stand in a string as it is */
    C_SLASH,
    C_COLON,
    C_COMMA,
    C_OPEN_ARRAY,
    C_CLOSE_ARRAY,
    C_OPEN_OBJECT,
    C_CLOSE_OBJECT,
    C_MINUS,
    C_PLUS,
    C_DOT,
    C_0,
    C_1_7,
    C_8_9,
    C_HEX, /* 'A' to 'D', 'F', 'c', 'd': hexadecimal digits only */
    C_E,
    C_a,
    C_b,
    C_e,
    C_f,
    C_l,
    C_n,
    C_r,
    C_s,
    C_t,
    C_u,
    C_OTHER,
    C_80, /* UTF-8: bytes 80-8F, 90-9F and A0-BF */
    C_90,
    C_A0,
    C_LEAD2, /* C2-DF */
    C_E0,
    C_LEAD3, /* E1-EC, EE, EF */
    C_ED,
    C_F0,
    C_LEAD4, /* F1-F3 */
    C_F4,
    JSON_CLASSES,
};

/* A row of the table; a power of two is found by a shift. */
#define JSON_ROW 64

enum json_state {
    S_BAD,
    S_VALUE,        /* a value must come */
    S_FIRST_ITEM,   /* behind '[': a value or ']' */
    S_FIRST_KEY,    /* behind '{': a key or '}' */
    S_KEY,          /* behind a member's comma: a key */
    S_COLON,        /* behind a key */
    S_AFTER_ITEM,   /* behind an array's value */
    S_AFTER_MEMBER, /* behind an object's value */
    S_END,          /* behind the root value */
    S_TEXT,         /* in a string */
    S_ESCAPE,       /* behind a backslash */
    S_U1,           /* behind "\u": the first hexadecimal digit */
    S_U2,
    S_U3,
    S_U4,
    S_TAIL1, /* UTF-8: one more byte 80-BF; two more; three more */
    S_TAIL2,
    S_TAIL3,
    S_E0, /* behind a lead byte that bounds its second byte */
    S_ED,
    S_F0,
    S_F4,
    S_T_R, /* "true": 'r' must come, and so on */
    S_TR_U,
    S_TRU_E,
    S_F_A,
    S_FA_L,
    S_FAL_S,
    S_FALS_E,
    S_N_U,
    S_NU_L,
    S_NUL_L,
    S_MINUS, /* numbers; a number may end in ZERO, INT, FRACTION and EXPONENT */
    S_ZERO,
    S_INT,
    S_DOT,
    S_FRACTION,
    S_E,
    S_E_SIGN,
    S_EXPONENT,
    JSON_STATES,
    /* Actions. */
    A_SCALAR = JSON_STATES, /* the first byte of a literal or number */
    A_STRING,               /* the opening quote of a value */
    A_KEY,                  /* ... of a key */
    A_QUOTE,                /* the closing quote */
    A_LITERAL_END,          /* the last byte of a literal */
    A_NUMBER_END,           /* the first byte behind a number; it still has its own meaning */
    A_OPEN_OBJECT,
    A_OPEN_ARRAY,
    A_CLOSE_OBJECT,
    A_CLOSE_ARRAY,
    A_NEXT_ITEM, /* an array's comma */
};

static const uint8_t json_class[256] = {
    ['\t'] = C_BLANK,
    ['\n'] = C_BLANK,
    ['\r'] = C_BLANK,
    ['"'] = C_QUOTE,
    ['\\'] = C_BACKSLASH,
    [' '] = C_SPACE,
    ['!'] = C_OTHER,
    ['#' ... '*'] = C_OTHER,
    ['+'] = C_PLUS,
    [','] = C_COMMA,
    ['-'] = C_MINUS,
    ['.'] = C_DOT,
    ['/'] = C_SLASH,
    ['0'] = C_0,
    ['1' ... '7'] = C_1_7,
    ['8' ... '9'] = C_8_9,
    [':'] = C_COLON,
    [';' ... '@'] = C_OTHER,
    ['A' ... 'D'] = C_HEX,
    ['E'] = C_E,
    ['F'] = C_HEX,
    ['G' ... 'Z'] = C_OTHER,
    ['['] = C_OPEN_ARRAY,
    [']'] = C_CLOSE_ARRAY,
    ['^' ... '`'] = C_OTHER,
    ['a'] = C_a,
    ['b'] = C_b,
    ['c' ... 'd'] = C_HEX,
    ['e'] = C_e,
    ['f'] = C_f,
    ['g' ... 'k'] = C_OTHER,
    ['l'] = C_l,
    ['m'] = C_OTHER,
    ['n'] = C_n,
    ['o' ... 'q'] = C_OTHER,
    ['r'] = C_r,
    ['s'] = C_s,
    ['t'] = C_t,
    ['u'] = C_u,
    ['v' ... 'z'] = C_OTHER,
    ['{'] = C_OPEN_OBJECT,
    ['|'] = C_OTHER,
    ['}'] = C_CLOSE_OBJECT,
    ['~'] = C_OTHER,
    [0x7F] = C_OTHER,
    [0x80 ... 0x8F] = C_80,
    [0x90 ... 0x9F] = C_90,
    [0xA0 ... 0xBF] = C_A0,
    [0xC2 ... 0xDF] = C_LEAD2,
    [0xE0] = C_E0,
    [0xE1 ... 0xEC] = C_LEAD3,
    [0xED] = C_ED,
    [0xEE ... 0xEF] = C_LEAD3,
    [0xF0] = C_F0,
    [0xF1 ... 0xF3] = C_LEAD4,
    [0xF4] = C_F4,
};

/* clang-format off */
#define BLANKS(to) [C_BLANK] = (to), [C_SPACE] = (to)
#define DIGITS(to) [C_0] = (to), [C_1_7] = (to), [C_8_9] = (to)
#define HEX(to)                                                                                    \
    DIGITS(to), [C_HEX] = (to), [C_E] = (to), [C_a] = (to), [C_b] = (to), [C_e] = (to), [C_f] = (to)
#define VALUES                                                                                     \
    [C_QUOTE] = A_STRING, [C_OPEN_ARRAY] = A_OPEN_ARRAY, [C_OPEN_OBJECT] = A_OPEN_OBJECT,          \
    [C_MINUS] = A_SCALAR, DIGITS(A_SCALAR), [C_f] = A_SCALAR, [C_n] = A_SCALAR, [C_t] = A_SCALAR
#define NUMBER_ENDS                                                                                \
    BLANKS(A_NUMBER_END), [C_COMMA] = A_NUMBER_END, [C_CLOSE_ARRAY] = A_NUMBER_END,                \
    [C_CLOSE_OBJECT] = A_NUMBER_END

static const uint8_t json_table[JSON_STATES][JSON_ROW] = {
    [S_VALUE]        = {BLANKS(S_VALUE), VALUES},
    [S_FIRST_ITEM]   = {BLANKS(S_FIRST_ITEM), VALUES, [C_CLOSE_ARRAY] = A_CLOSE_ARRAY},
    [S_FIRST_KEY]    = {BLANKS(S_FIRST_KEY), [C_QUOTE] = A_KEY, [C_CLOSE_OBJECT] = A_CLOSE_OBJECT},
    [S_KEY]          = {BLANKS(S_KEY), [C_QUOTE] = A_KEY},
    [S_COLON]        = {BLANKS(S_COLON), [C_COLON] = S_VALUE},
    [S_AFTER_ITEM]   = {BLANKS(S_AFTER_ITEM), [C_COMMA] = A_NEXT_ITEM,
                        [C_CLOSE_ARRAY] = A_CLOSE_ARRAY},
    [S_AFTER_MEMBER] = {BLANKS(S_AFTER_MEMBER), [C_COMMA] = S_KEY,
                        [C_CLOSE_OBJECT] = A_CLOSE_OBJECT},
    [S_END]          = {BLANKS(S_END)},

    [S_TEXT]   = {[C_SPACE ... C_OTHER] = S_TEXT, [C_QUOTE] = A_QUOTE, [C_BACKSLASH] = S_ESCAPE,
                  [C_LEAD2] = S_TAIL1, [C_E0] = S_E0, [C_LEAD3] = S_TAIL2, [C_ED] = S_ED,
                  [C_F0] = S_F0, [C_LEAD4] = S_TAIL3, [C_F4] = S_F4},
    [S_ESCAPE] = {[C_QUOTE] = S_TEXT, [C_BACKSLASH] = S_TEXT, [C_SLASH] = S_TEXT, [C_b] = S_TEXT,
                  [C_f] = S_TEXT, [C_n] = S_TEXT, [C_r] = S_TEXT, [C_t] = S_TEXT, [C_u] = S_U1},
    [S_U1]     = {HEX(S_U2)},
    [S_U2]     = {HEX(S_U3)},
    [S_U3]     = {HEX(S_U4)},
    [S_U4]     = {HEX(S_TEXT)},
    [S_TAIL1]  = {[C_80] = S_TEXT, [C_90] = S_TEXT, [C_A0] = S_TEXT},
    [S_TAIL2]  = {[C_80] = S_TAIL1, [C_90] = S_TAIL1, [C_A0] = S_TAIL1},
    [S_TAIL3]  = {[C_80] = S_TAIL2, [C_90] = S_TAIL2, [C_A0] = S_TAIL2},
    [S_E0]     = {[C_A0] = S_TAIL1},
    [S_ED]     = {[C_80] = S_TAIL1, [C_90] = S_TAIL1},
    [S_F0]     = {[C_90] = S_TAIL2, [C_A0] = S_TAIL2},
    [S_F4]     = {[C_80] = S_TAIL2},

    [S_T_R]    = {[C_r] = S_TR_U},
    [S_TR_U]   = {[C_u] = S_TRU_E},
    [S_TRU_E]  = {[C_e] = A_LITERAL_END},
    [S_F_A]    = {[C_a] = S_FA_L},
    [S_FA_L]   = {[C_l] = S_FAL_S},
    [S_FAL_S]  = {[C_s] = S_FALS_E},
    [S_FALS_E] = {[C_e] = A_LITERAL_END},
    [S_N_U]    = {[C_u] = S_NU_L},
    [S_NU_L]   = {[C_l] = S_NUL_L},
    [S_NUL_L]  = {[C_l] = A_LITERAL_END},

    [S_MINUS]    = {[C_0] = S_ZERO, [C_1_7] = S_INT, [C_8_9] = S_INT},
    [S_ZERO]     = {NUMBER_ENDS, [C_DOT] = S_DOT, [C_E] = S_E, [C_e] = S_E},
    [S_INT]      = {NUMBER_ENDS, DIGITS(S_INT), [C_DOT] = S_DOT, [C_E] = S_E, [C_e] = S_E},
    [S_DOT]      = {DIGITS(S_FRACTION)},
    [S_FRACTION] = {NUMBER_ENDS, DIGITS(S_FRACTION), [C_E] = S_E, [C_e] = S_E},
    [S_E]        = {DIGITS(S_EXPONENT), [C_PLUS] = S_E_SIGN, [C_MINUS] = S_E_SIGN},
    [S_E_SIGN]   = {DIGITS(S_EXPONENT)},
    [S_EXPONENT] = {NUMBER_ENDS, DIGITS(S_EXPONENT)},
};
#undef BLANKS
#undef DIGITS
#undef HEX
#undef VALUES
#undef NUMBER_ENDS
/* clang-format on */

#endif
