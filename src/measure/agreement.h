/* agreement.h: two networks asked about the same images: what both know, what one knows and the other does not, and whether the
 * difference is more than chance.
 */
#ifndef CS_MEASURE_AGREEMENT_H
#define CS_MEASURE_AGREEMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Images by who was right. Zeroed at first. */
struct cs_agreement {
	int64_t both, first, second, neither; /* `first`: the first network alone */
};

/* Count one image. */
void cs_agreement_add(struct cs_agreement *agreement, bool first_right, bool second_right);

int64_t cs_agreement_images(const struct cs_agreement *agreement);

/* Accuracies: 0 .. 1, NaN without images. */
double cs_agreement_first(const struct cs_agreement *agreement);
double cs_agreement_second(const struct cs_agreement *agreement);

/* How much more the second network knows than the first (a share of the images, negative: less), with an interval of 95 %: Wald's for paired
 * proportions with half an image added to each cell (Agresti & Min 2005). NaN without images. */
struct cs_agreement_difference {
	double mean, low, high;
};
struct cs_agreement_difference cs_agreement_difference(const struct cs_agreement *agreement);

/* McNemar's test, exact: the chance (two-sided) of a difference at least as large if each image that one of them alone knows were as likely
 * to be the other's. 1 where there is none. Source: McNemar 1947; the exact form is a binomial test of `first` in first + second. */
double cs_agreement_p(const struct cs_agreement *agreement);

#endif
