/* rule.c: the eight backward rules by name. See project.h. */
#include "deconv/project.h"

#include <string.h>

const char *const cs_rule_names[8] = {"deconvnet", "gradient", "guided", "none", "m", "s", "r", "mr"};

static const struct cs_rule rules[8] = {
	{.switches = true, .rectify = true},
	{.mask = true, .switches = true},
	{.mask = true, .switches = true, .rectify = true},
	{0},
	{.mask = true},
	{.switches = true},
	{.rectify = true},
	{.mask = true, .rectify = true},
};

enum cs_status cs_rule_parse(const char *name, struct cs_rule *rule, struct cs_error *error)
{
	for (int i = 0; i < 8; i++) {
		if (strcmp(name, cs_rule_names[i]) == 0) {
			*rule = rules[i];
			return CS_OK;
		}
	}
	return cs_fail(error, CS_ERR_ARGUMENT,
		"no rule '%s': expected deconvnet (switches, rectify), gradient (mask, switches), guided (mask, "
		"switches, rectify), "
		"none, m, s, r or mr",
		name);
}

const char *cs_rule_name(struct cs_rule rule)
{
	for (int i = 0; i < 8; i++) {
		if (rules[i].mask == rule.mask && rules[i].switches == rule.switches &&
			rules[i].rectify == rule.rectify)
			return cs_rule_names[i];
	}
	return cs_rule_names[0]; /* not reached: the eight are all there are */
}
