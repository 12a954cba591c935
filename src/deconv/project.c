/* project.c: from targets to pictures. See project.h.
 *
 * Targets that start at the same layer go back together in groups, layer by layer (walk.h). A group is a task: groups
 * follow from the targets and the shapes alone, each writes its own pictures, and so the number of workers changes nothing.
 * Kernels below a max-pool, where signals arrive sparse, are packed once for all groups.
 */
#include "core/alloc.h"
#include "core/job.h"
#include "deconv/target.h"
#include "deconv/workspace.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum {
	FIND_AT_ONCE = 16, /* targets of a task that finds them */
	GROUPS_WANTED = 8, /* of one layer's targets, for workers to share */
	BIG_KERNEL = 1 << 18, /* numbers: a dense kernel beyond this is read for many targets at a time */
};

#define ROOM_LIMIT ((int64_t)1 << 24) /* numbers in the rooms of a group: 64 MB, unless one target alone needs more */

struct group {
	int layer;
	int first, count; /* in `order` */
};

struct run {
	const struct cs_trace *trace;
	const struct cs_target *targets;
	int count;
	struct cs_rule rule;
	struct cs_tensor *out;
	struct cs_job *job;
	atomic_bool cancelled;
	struct cs_target_place *places; /* [count] */
	struct cs_workspace_patch *sizes; /* [count], in order */
	struct cs_projection *infos; /* [count] */
	int *order; /* targets that have a signal, by layer */
	int alive;
	struct group *groups;
	int group_count;
	int few; /* targets of the largest group */
	struct cs_pack *packs; /* [layers] */
	int *panel_layers; /* [panels]: the layer each panel belongs to */
	int64_t *panels; /* [panels]: its number there */
	int panel_count;
	enum cs_isa isa;
	char *memory; /* of all workers */
	size_t stride;
};

static enum cs_status check(const struct cs_trace *trace, const struct cs_target *targets, int count,
	const struct cs_tensor *out, struct cs_error *error)
{
	const struct cs_shape *input = &trace->network->input;
	int deepest = -1;

	if (trace->kind == CS_TRACE_OUTPUT)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"this trace keeps the network's output alone; a projection needs one that keeps every layer");
	if (trace->training)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"this trace was filled by a training pass (dropout on); a projection needs an inference pass");
	assert(out->shape.rank == input->rank + 1 && out->shape.dim[0] >= count);
	for (int i = 0; i < input->rank; i++)
		assert(out->shape.dim[i + 1] == input->dim[i]);
	for (int i = 0; i < count; i++) {
		enum cs_status status = cs_target_check(trace, &targets[i], error);

		/* the deepest layer checked so far covers those before it, but for a softmax, which each layer may end in */
		if (!status && (targets[i].layer > deepest || deepest < 0)) {
			status = cs_project_check(trace->network, targets[i].layer, error);
			deepest = targets[i].layer;
		}
		if (status)
			return status;
	}
	for (int i = 0; i <= deepest; i++) {
		if (!trace->slots[i].out.data)
			return cs_fail(error, CS_ERR_ARGUMENT,
				"this trace was made for training, where layer %d is pooled as it is computed and its "
				"own output is not kept; "
				"a projection needs a trace that keeps every layer",
				i);
	}
	return CS_OK;
}

static void find_some(void *context, int task, int worker)
{
	struct run *run = context;
	int first = task * FIND_AT_ONCE, last = run->count - first < FIND_AT_ONCE ? run->count : first + FIND_AT_ONCE;

	(void)worker;
	cs_target_find(run->trace, run->targets + first, last - first, run->places + first);
}

/* Targets with a signal, by layer, in the order given; their sizes; what is known of them already. */
static void sort_targets(struct run *run)
{
	run->alive = 0;
	for (int layer = 0; layer < run->trace->network->layer_count; layer++) {
		for (int i = 0; i < run->count; i++) {
			const struct cs_target_place *place = &run->places[i];
			struct cs_workspace_patch size;

			if (run->targets[i].layer != layer)
				continue;
			size = cs_workspace_measure(run->trace->network, layer, place->window, place->entries);
			run->infos[i] = (struct cs_projection){
				.silent = place->silent,
				.row = place->row,
				.column = place->column,
				.value = place->value,
				.top = size.reach.top,
				.left = size.reach.left,
				.bottom = size.reach.bottom,
				.right = size.reach.right,
			};
			if (place->silent)
				continue;
			run->sizes[run->alive] = size;
			run->order[run->alive++] = i;
		}
	}
}

/* Signals of a group that starts at this layer, when there are `count` in all. */
static int group_size(const struct cs_network *network, int layer, int count)
{
	int wanted = (count + GROUPS_WANTED - 1) / GROUPS_WANTED, most = CS_WALK_SMALL_GROUP;

	for (int i = 0; i <= layer; i++) {
		const struct cs_layer *l = &network->layers[i];

		if (l->ops == &cs_dense_layer && cs_tensor_count(&cs_layer_param(l, "kernel")->value) > BIG_KERNEL)
			most = CS_WALK_GROUP;
	}
	return wanted < most ? wanted : most;
}

static void form_groups(struct run *run)
{
	const struct cs_network *network = run->trace->network;

	for (int first = 0; first < run->alive;) {
		int layer = run->targets[run->order[first]].layer, last = first, size;

		while (last < run->alive && run->targets[run->order[last]].layer == layer)
			last++;
		size = group_size(network, layer, last - first);
		while (first < last) {
			struct group *group = &run->groups[run->group_count++];
			int64_t numbers = 0;

			*group = (struct group){.layer = layer, .first = first};
			while (first < last && group->count < size &&
				(group->count == 0 || numbers + 2 * run->sizes[first].numbers <= ROOM_LIMIT)) {
				numbers += 2 * run->sizes[first].numbers;
				group->count++;
				first++;
			}
			run->few = run->few > group->count ? run->few : group->count;
		}
	}
}

/* Does a target arrive at layer i with many features alive? (Few are packed by the group that needs them.) */
static bool spreads(const struct cs_network *network, const struct cs_target *target, int i)
{
	if (target->feature < 0)
		return target->layer > i;
	for (int layer = i + 1; layer <= target->layer; layer++) {
		if (network->layers[layer].ops == &cs_conv_layer || network->layers[layer].ops == &cs_dense_layer)
			return true;
	}
	return false;
}

/* Memory for the kernels that are worth packing, and the list of their panels. */
static enum cs_status plan_packs(struct run *run, struct cs_error *error)
{
	const struct cs_network *network = run->trace->network;
	int64_t panels = 0;

	for (int i = 0; i < network->layer_count; i++) {
		struct cs_pack *pack = &run->packs[i];
		bool wanted = false;

		for (int t = 0; t < run->alive && !wanted; t++)
			wanted = spreads(network, &run->targets[run->order[t]], i);
		if (!wanted || !cs_unfilter_expects_sparse(network, i))
			continue;
		pack->cut = cs_sparse_cut(&network->layers[i]);
		pack->weights =
			cs_alloc((size_t)cs_sparse_size(&pack->cut, pack->cut.features) * sizeof *pack->weights);
		if (!pack->weights)
			return cs_fail_memory(error, "the packed kernels of a projection");
		panels += pack->cut.panels;
	}
	run->panel_layers = cs_alloc((size_t)panels * sizeof *run->panel_layers);
	run->panels = cs_alloc((size_t)panels * sizeof *run->panels);
	if (!run->panel_layers || !run->panels)
		return cs_fail_memory(error, "the packed kernels of a projection");
	for (int i = 0; i < network->layer_count; i++) {
		for (int64_t p = 0; run->packs[i].weights && p < run->packs[i].cut.panels; p++) {
			run->panel_layers[run->panel_count] = i;
			run->panels[run->panel_count++] = p;
		}
	}
	return CS_OK;
}

static void pack_panel(void *context, int task, int worker)
{
	struct run *run = context;
	int layer = run->panel_layers[task];
	const struct cs_pack *pack = &run->packs[layer];

	(void)worker;
	cs_sparse_pack(&pack->cut, cs_layer_param(&run->trace->network->layers[layer], "kernel")->value.data,
		run->panels[task], NULL, pack->cut.features, pack->weights);
}

static enum cs_status plan_memory(struct run *run, struct cs_error *error)
{
	size_t workers = (size_t)cs_workers_count(run->trace->workers), all;

	for (int g = 0; g < run->group_count; g++) {
		const struct group *group = &run->groups[g];
		size_t bytes = cs_workspace_bytes(
			run->trace->network, group->layer, run->few, run->sizes + group->first, group->count);

		run->stride = run->stride > bytes ? run->stride : bytes;
	}
	if (__builtin_mul_overflow(workers, run->stride, &all))
		return cs_fail_memory(error, "a projection");
	run->memory = cs_alloc(all);
	if (!run->memory)
		return cs_fail(error, CS_ERR_MEMORY,
			"not enough memory for a projection: %.1f MB for each of %zu threads; use fewer threads",
			(double)run->stride / 1e6, workers);
	return CS_OK;
}

/* Write the picture of a signal that has come down to the input, and its range. */
static void finish(struct run *run, struct cs_patch *patch, int target)
{
	struct cs_map map = cs_map_of(&run->trace->network->input);
	float *picture = run->out->data + target * cs_map_count(&map);
	struct cs_projection *info = &run->infos[target];
	int64_t width = cs_span_columns(&patch->window) * map.channels;
	struct cs_tensor part;
	struct cs_range range;

	cs_patch_spread(patch);
	part = cs_tensor_view(patch->values, CS_SHAPE(cs_patch_count(patch)));
	range = cs_tensor_range(&part);
	for (int64_t row = 0; row < cs_span_rows(&patch->window); row++)
		memcpy(picture + ((patch->window.top + row) * map.width + patch->window.left) * map.channels,
			patch->values + row * width, (size_t)width * sizeof *picture);
	if (cs_patch_count(patch) < cs_map_count(&map)) { /* the rest is 0 */
		range.min = range.min < 0 ? range.min : 0;
		range.max = range.max > 0 ? range.max : 0;
	}
	info->min = range.min;
	info->max = range.max;
	info->norm = range.norm;
}

static void project_group(void *context, int task, int worker)
{
	struct run *run = context;
	const struct group *group = &run->groups[task];
	const struct cs_network *network = run->trace->network;
	size_t picture = (size_t)cs_shape_count(&network->input) * sizeof(float);
	struct cs_patch patches[CS_WALK_GROUP];
	struct cs_walk walk = {
		.trace = run->trace,
		.rule = run->rule,
		.isa = run->isa,
		.few = run->few,
		.packs = run->packs,
		.patches = patches,
		.count = group->count,
	};

	if (atomic_load(&run->cancelled) || cs_job_cancelled(run->job)) {
		atomic_store(&run->cancelled, true);
		return;
	}
	cs_workspace_hand_out(
		&walk, group->layer, run->sizes + group->first, run->memory + (size_t)worker * run->stride);
	for (int i = 0; i < group->count; i++) {
		int target = run->order[group->first + i];

		cs_target_start(run->trace, &run->targets[target], &run->places[target], &patches[i]);
	}
	for (int layer = group->layer; layer >= 0; layer--)
		cs_inverse_of(&network->layers[layer])->reverse(&walk, &network->layers[layer]);
	for (int i = 0; i < group->count; i++) {
		int target = run->order[group->first + i];

		memset((char *)run->out->data + (size_t)target * picture, 0, picture);
		finish(run, &patches[i], target);
	}
}

static enum cs_status prepare(struct run *run, struct cs_error *error)
{
	size_t count = (size_t)run->count;

	run->places = cs_calloc(count, sizeof *run->places);
	run->sizes = cs_calloc(count, sizeof *run->sizes);
	run->infos = cs_calloc(count, sizeof *run->infos);
	run->order = cs_calloc(count, sizeof *run->order);
	run->groups = cs_calloc(count, sizeof *run->groups);
	run->packs = cs_calloc((size_t)run->trace->network->layer_count, sizeof *run->packs);
	if (!run->places || !run->sizes || !run->infos || !run->order || !run->groups || !run->packs)
		return cs_fail_memory(error, "a projection");
	return CS_OK;
}

static void fini(struct run *run)
{
	for (int i = 0; run->packs && i < run->trace->network->layer_count; i++)
		cs_free(run->packs[i].weights);
	cs_free(run->packs);
	cs_free(run->panel_layers);
	cs_free(run->panels);
	cs_free(run->places);
	cs_free(run->sizes);
	cs_free(run->infos);
	cs_free(run->order);
	cs_free(run->groups);
	cs_free(run->memory);
}

enum cs_status cs_project(const struct cs_trace *trace, const struct cs_target *targets, int count, struct cs_rule rule,
	struct cs_tensor *out, struct cs_projection *infos, struct cs_job *job, struct cs_error *error)
{
	struct run run = {
		.trace = trace,
		.targets = targets,
		.count = count,
		.rule = rule,
		.out = out,
		.job = job,
		.isa = cs_sparse_isa(),
	};
	size_t picture = (size_t)cs_shape_count(&trace->network->input);
	enum cs_status status = check(trace, targets, count, out, error);

	if (status)
		return status;
	status = prepare(&run, error);
	if (status)
		goto out;
	cs_workers_run(trace->workers, (count + FIND_AT_ONCE - 1) / FIND_AT_ONCE, find_some, &run);
	sort_targets(&run);
	form_groups(&run);
	status = plan_packs(&run, error);
	if (!status)
		status = plan_memory(&run, error);
	if (status)
		goto out;
	cs_workers_run(trace->workers, run.panel_count, pack_panel, &run);
	cs_workers_run(trace->workers, run.group_count, project_group, &run);
	if (atomic_load(&run.cancelled)) {
		status = cs_fail(error, CS_ERR_CANCELLED, "the projection was cancelled");
		goto out;
	}
	for (int i = 0; i < count; i++) {
		if (run.places[i].silent)
			memset(out->data + (size_t)i * picture, 0, picture * sizeof *out->data);
	}
	if (infos)
		memcpy(infos, run.infos, (size_t)count * sizeof *infos);
out:
	fini(&run);
	return status;
}
