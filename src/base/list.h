/*
 * list.h - intrusive doubly linked ring. A head and a link are the same struct.
 *
 * A link that is not on a list points to itself, so list_del() may be called twice.
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/base.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_del(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

/* Put l at the end of head; l must not be on a list. */
static inline void list_push(struct list *head, struct list *l)
{
    MUST(list_empty(l));
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

/* Put l at the front of head; l must not be on a list. */
static inline void list_push_front(struct list *head, struct list *l)
{
    list_push(head->next, l);
}

#define LIST_ENTRY(link, type, member) CONTAINER_OF(link, type, member)

/* Walk; the body may delete the current link, and no other. */
#define LIST_EACH(it, head)                                                                        \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

#endif
