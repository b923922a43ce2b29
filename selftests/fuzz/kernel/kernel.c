// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>

long env_allocations;
unsigned int env_fail_at;
unsigned int env_spinning;
struct user_namespace init_user_ns;
struct pid_namespace init_pid_ns;
struct task env_current;

/* Of just its size, so that ASan sees the first byte beyond. */
void *env_alloc(size_t size, gfp_t gfp, bool zeroed)
{
	void *p;

	env_may_sleep();
	if (!(gfp & __GFP_NOFAIL) && env_fail_at && !--env_fail_at)
		return NULL;
	p = malloc(size);
	MUST(p);
	/* What is not zeroed is not zero. */
	memset(p, zeroed ? 0 : 0xa5, size);
	env_allocations++;
	return p;
}

void *krealloc(const void *p, size_t size, gfp_t gfp)
{
	void *new;

	env_may_sleep();
	new = realloc((void *)p, size);
	MUST(new);
	env_allocations += !p;
	return new;
}

void kfree(const void *p)
{
	env_allocations -= !!p;
	free((void *)p);
}

/* Also with a lock held. */
const struct cred *get_current_cred(void)
{
	env_allocations++;
	return malloc(sizeof(struct cred));
}

size_t copy_to_iter(const void *p, size_t size, struct iov_iter *to)
{
	env_may_sleep();
	size = min_t(size_t, size, to->count);
	memcpy(to->to, p, size);
	to->to += size;
	to->count -= size;
	return size;
}

size_t copy_from_iter(void *p, size_t size, struct iov_iter *from)
{
	env_may_sleep();
	size = min_t(size_t, size, from->count);
	memcpy(p, from->from, size);
	from->from += size;
	from->count -= size;
	return size;
}

/* The format is not the C library's. */
void env_log(const char *fmt, ...)
{
}

/* Insertion: stable. */
void list_sort(void *priv, struct list_head *h, list_cmp cmp)
{
	LIST_HEAD(sorted);

	while (!list_empty(h)) {
		struct list_head *p = h->next, *at = sorted.prev;

		list_del(p);
		while (at != &sorted && cmp(priv, at, p) > 0)
			at = at->prev;
		list_add(p, at);
	}
	list_splice_init(&sorted, h);
}

static struct rb_node **place_of(struct rb_node *n, struct rb_root *root)
{
	if (!n->parent)
		return &root->rb_node;
	return n->parent->rb_left == n ? &n->parent->rb_left :
					 &n->parent->rb_right;
}

/* The left part takes its place, the right one goes behind the last of that. */
void rb_erase(struct rb_node *n, struct rb_root *root)
{
	struct rb_node *top = n->rb_left, *right = n->rb_right, *last = top;

	while (last && last->rb_right)
		last = last->rb_right;
	if (last)
		last->rb_right = right;
	else
		top = right;
	if (last && right)
		right->parent = last;
	*place_of(n, root) = top;
	if (top)
		top->parent = n->parent;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->rb_node;

	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *next = n->rb_right;

	if (next) {
		while (next->rb_left)
			next = next->rb_left;
		return next;
	}
	while (n->parent && n->parent->rb_right == n)
		n = n->parent;
	return n->parent;
}
