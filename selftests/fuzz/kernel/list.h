/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists, hash tables, trees (which need not be balanced here). */
#ifndef FUZZ_LIST_H
#define FUZZ_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

#define LIST_HEAD(name)		struct list_head name = { &name, &name }
#define list_entry(p, type, m)	container_of(p, type, m)
#define list_first_entry(h, type, m) list_entry((h)->next, type, m)
#define list_next(p, m) \
	list_entry((p)->m.next, __typeof__(*(p)), m)
#define list_for_each_entry(p, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m); \
	     &p->m != (h); p = list_next(p, m))
#define list_for_each_entry_safe(p, n, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m), n = list_next(p, m); \
	     &p->m != (h); p = n, n = list_next(n, m))

static inline void INIT_LIST_HEAD(struct list_head *h)
{
	h->next = h;
	h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

static inline bool list_is_singular(const struct list_head *h)
{
	return !list_empty(h) && h->next == h->prev;
}

static inline void list_add(struct list_head *p, struct list_head *h)
{
	p->next = h->next;
	p->prev = h;
	h->next->prev = p;
	h->next = p;
}

static inline void list_add_tail(struct list_head *p, struct list_head *h)
{
	list_add(p, h->prev);
}

/* What is used afterwards is found by ASan. */
static inline void list_del(struct list_head *p)
{
	p->next->prev = p->prev;
	p->prev->next = p->next;
	p->next = NULL;
	p->prev = NULL;
}

static inline void list_del_init(struct list_head *p)
{
	list_del(p);
	INIT_LIST_HEAD(p);
}

static inline void list_move_tail(struct list_head *p, struct list_head *h)
{
	list_del(p);
	list_add_tail(p, h);
}

static inline void list_splice_init(struct list_head *from, struct list_head *h)
{
	while (!list_empty(from)) {
		struct list_head *last = from->prev;

		list_del(last);
		list_add(last, h);
	}
}

#define list_splice(from, h)	list_splice_init(from, h)

typedef int (*list_cmp)(void *priv, const struct list_head *a,
			const struct list_head *b);
void list_sort(void *priv, struct list_head *h, list_cmp cmp);

struct hlist_node { struct list_head in; };
struct hlist_head { struct list_head of; };

/* One bucket does for all. */
#define DECLARE_HASHTABLE(name, bits) struct list_head name
#define hash_init(h)		INIT_LIST_HEAD(&(h))
#define INIT_HLIST_NODE(n)	INIT_LIST_HEAD(&(n)->in)
#define hash_add(h, n, key)	list_add(&(n)->in, &(h))
#define hash_del(n)		list_del_init(&(n)->in)
#define hash_for_each_possible(h, p, m, key) \
	list_for_each_entry(p, &(h), m.in)
#define hash_for_each(h, i, p, m) \
	for (i = 0; i < 1; i++) list_for_each_entry(p, &(h), m.in)
#define hash_for_each_safe(h, i, n, p, m) \
	for (i = 0, n = NULL; i < 1; i++) \
		for (struct list_head *__l = (h).next, *__n = __l->next; \
		     __l != &(h) && \
		     (p = container_of(__l, __typeof__(*p), m.in)); \
		     __l = __n, __n = __l->next)

struct rb_node {
	struct rb_node *parent;
	struct rb_node *rb_left;
	struct rb_node *rb_right;
};

struct rb_root { struct rb_node *rb_node; };
struct rb_root_cached { struct rb_root rb_root; };
struct interval_tree_node { struct rb_node rb; };

#define RB_ROOT			((struct rb_root) { NULL })
#define rb_entry(p, type, m)	container_of(p, type, m)

static inline void rb_link_node(struct rb_node *n, struct rb_node *parent,
				struct rb_node **place)
{
	n->parent = parent;
	n->rb_left = NULL;
	n->rb_right = NULL;
	*place = n;
}

#define rb_insert_color(n, root) ((void)(n))
void rb_erase(struct rb_node *n, struct rb_root *root);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);

#endif /* FUZZ_LIST_H */
