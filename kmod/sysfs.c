// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/fs/fmapfs: features, and one directory a mount, named by the minor of its
 * st_dev.
 */
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>
#include "proto.h"

static struct kobject *fmapfs_kobj;
static struct kobject *features_kobj;

/* --- features --- */

static ssize_t supported_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "supported\n");
}

#define FEATURE(_name) \
	static struct kobj_attribute feature_ ## _name = \
		__ATTR(_name, 0444, supported_show, NULL)

FEATURE(dax_fmap);	/* GET_FMAP, GET_DAXDEV */
FEATURE(sized_fmap);	/* messages of the sized dialect */
FEATURE(daxdev_push);	/* FUSE_DEV_IOC_DAXDEV_OPEN */
FEATURE(pmem);		/* /dev/pmemN */
FEATURE(devdax);	/* /dev/daxX.Y under fsdev_dax */
FEATURE(clear_bad);	/* FMAPFS_IOC_CLEAR_BAD */

static struct attribute *feature_attrs[] = {
	&feature_dax_fmap.attr,
	&feature_sized_fmap.attr,
	&feature_daxdev_push.attr,
	&feature_pmem.attr,
	&feature_devdax.attr,
	&feature_clear_bad.attr,
	NULL
};

static umode_t feature_visible(struct kobject *kobj, struct attribute *attr,
			       int n)
{
	if (attr == &feature_devdax.attr && !fmapfs_daxdev_has_char())
		return 0;
	return attr->mode;
}

static const struct attribute_group feature_group = {
	.attrs = feature_attrs,
	.is_visible = feature_visible,
};

/* --- a mount --- */

static struct fmapfs_sb *fs_of(struct kobject *kobj)
{
	return container_of(kobj, struct fmapfs_sb, kobj);
}

/* The attributes are kobj_attributes; the mount's ktype dispatches to them. */
static ssize_t waiting_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", fmapfs_conn_waiting(fs_of(kobj)->conn));
}

static ssize_t abort_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	fmapfs_conn_abort_by_user(fs_of(kobj)->conn);
	return count;
}

static ssize_t max_background_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	unsigned int max, threshold;

	fmapfs_conn_limits(fs_of(kobj)->conn, &max, &threshold);
	return sysfs_emit(buf, "%u\n", max);
}

static ssize_t congestion_threshold_show(struct kobject *kobj,
					 struct kobj_attribute *attr, char *buf)
{
	unsigned int max, threshold;

	fmapfs_conn_limits(fs_of(kobj)->conn, &max, &threshold);
	return sysfs_emit(buf, "%u\n", threshold);
}

static int parse_limit(const char *buf, u16 *value)
{
	int rc = kstrtou16(buf, 0, value);

	return rc ? rc : *value ? 0 : -EINVAL;
}

static ssize_t max_background_store(struct kobject *kobj,
				    struct kobj_attribute *attr,
				    const char *buf, size_t count)
{
	u16 value;
	int rc = parse_limit(buf, &value);

	if (rc)
		return rc;
	fmapfs_conn_set_limits(fs_of(kobj)->conn, value, 0);
	return count;
}

static ssize_t congestion_threshold_store(struct kobject *kobj,
					  struct kobj_attribute *attr,
					  const char *buf, size_t count)
{
	u16 value;
	int rc = parse_limit(buf, &value);

	if (rc)
		return rc;
	fmapfs_conn_set_limits(fs_of(kobj)->conn, 0, value);
	return count;
}

static ssize_t devices_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return fmapfs_devtab_show(fs_of(kobj)->devtab, buf, PAGE_SIZE);
}

static ssize_t bad_memory_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return fmapfs_devtab_show_bad(fs_of(kobj)->devtab, buf, PAGE_SIZE);
}

static struct kobj_attribute waiting_attr = __ATTR_RO(waiting);
static struct kobj_attribute abort_attr = __ATTR_WO(abort);
static struct kobj_attribute max_background_attr = __ATTR_RW(max_background);
static struct kobj_attribute congestion_threshold_attr =
	__ATTR_RW(congestion_threshold);
static struct kobj_attribute devices_attr = __ATTR_RO_MODE(devices, 0400);
static struct kobj_attribute bad_memory_attr =
	__ATTR_RO_MODE(bad_memory, 0400);

static struct attribute *mount_attrs[] = {
	&waiting_attr.attr,
	&abort_attr.attr,
	&max_background_attr.attr,
	&congestion_threshold_attr.attr,
	&devices_attr.attr,
	&bad_memory_attr.attr,
	NULL
};

static const struct attribute_group mount_group = {
	.attrs = mount_attrs,
};

/**
 * struct counter_attr - a file of the counters/ directory
 * @attr: its kobj_attribute
 * @which: the counter it shows
 */
struct counter_attr {
	struct kobj_attribute attr;
	enum fmapfs_counter which;
};

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	struct counter_attr *counter =
		container_of(attr, struct counter_attr, attr);

	return sysfs_emit(buf, "%lld\n",
			  percpu_counter_sum(&fs_of(kobj)->counters[counter->which]));
}

#define COUNTER(_name, _which) \
	static struct counter_attr counter_ ## _name = { \
		.attr = __ATTR(_name, 0444, counter_show, NULL), \
		.which = _which, \
	}

COUNTER(fault_pte, FMAPFS_FAULT_PTE);
COUNTER(fault_pmd, FMAPFS_FAULT_PMD);
COUNTER(fault_pud, FMAPFS_FAULT_PUD);
COUNTER(fault_error, FMAPFS_FAULT_ERROR);
COUNTER(fmaps, FMAPFS_FMAPS);
COUNTER(get_fmap, FMAPFS_GET_FMAP_SENT);
COUNTER(get_daxdev, FMAPFS_GET_DAXDEV_SENT);
COUNTER(fmap_refused, FMAPFS_FMAP_REFUSED);
COUNTER(read_bytes, FMAPFS_READ_BYTES);
COUNTER(write_bytes, FMAPFS_WRITE_BYTES);
COUNTER(bad_reply, FMAPFS_BAD_REPLY);

static struct attribute *counter_attrs[] = {
	&counter_fault_pte.attr.attr,
	&counter_fault_pmd.attr.attr,
	&counter_fault_pud.attr.attr,
	&counter_fault_error.attr.attr,
	&counter_fmaps.attr.attr,
	&counter_get_fmap.attr.attr,
	&counter_get_daxdev.attr.attr,
	&counter_fmap_refused.attr.attr,
	&counter_read_bytes.attr.attr,
	&counter_write_bytes.attr.attr,
	&counter_bad_reply.attr.attr,
	NULL
};

static const struct attribute_group counter_group = {
	.name = "counters",
	.attrs = counter_attrs,
};

static const struct attribute_group *mount_groups[] = {
	&mount_group,
	&counter_group,
	NULL
};

static void mount_kobj_release(struct kobject *kobj)
{
	complete(&fs_of(kobj)->kobj_done);
}

static const struct kobj_type mount_ktype = {
	.release = mount_kobj_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = mount_groups,
};

/**
 * fmapfs_sysfs_add - show a mount
 * @sb: the mount, complete but for its server
 */
int fmapfs_sysfs_add(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);
	int rc;

	init_completion(&fs->kobj_done);
	rc = kobject_init_and_add(&fs->kobj, &mount_ktype, fmapfs_kobj, "%u",
				  MINOR(sb->s_dev));
	fs->kobj_added = true;
	if (rc)
		fmapfs_sysfs_del(sb);
	return rc;
}

/**
 * fmapfs_sysfs_del - no longer show it; waits until nobody is looking
 * @sb: the mount, shown or not
 */
void fmapfs_sysfs_del(struct super_block *sb)
{
	struct fmapfs_sb *fs = fmapfs_sb(sb);

	if (!fs->kobj_added)
		return;
	fs->kobj_added = false;
	if (fs->kobj.state_in_sysfs)
		kobject_del(&fs->kobj);
	kobject_put(&fs->kobj);
	wait_for_completion(&fs->kobj_done);
}

int fmapfs_sysfs_init(void)
{
	int rc = -ENOMEM;

	fmapfs_kobj = kobject_create_and_add("fmapfs", fs_kobj);
	if (!fmapfs_kobj)
		return -ENOMEM;
	features_kobj = kobject_create_and_add("features", fmapfs_kobj);
	if (!features_kobj)
		goto put_fmapfs;
	rc = sysfs_create_group(features_kobj, &feature_group);
	if (rc)
		goto put_features;
	return 0;

put_features:
	kobject_put(features_kobj);
put_fmapfs:
	kobject_put(fmapfs_kobj);
	return rc;
}

void fmapfs_sysfs_exit(void)
{
	kobject_put(features_kobj);
	kobject_put(fmapfs_kobj);
}
