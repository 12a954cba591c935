/* agreement.c: see agreement.h. */
#include "measure/agreement.h"

#include <math.h>

void cs_agreement_add(struct cs_agreement *agreement, bool first_right, bool second_right)
{
	if (first_right)
		*(second_right ? &agreement->both : &agreement->first) += 1;
	else
		*(second_right ? &agreement->second : &agreement->neither) += 1;
}

int64_t cs_agreement_images(const struct cs_agreement *agreement)
{
	return agreement->both + agreement->first + agreement->second + agreement->neither;
}

static double share(int64_t part, int64_t of)
{
	return of > 0 ? (double)part / (double)of : NAN;
}

double cs_agreement_first(const struct cs_agreement *agreement)
{
	return share(agreement->both + agreement->first, cs_agreement_images(agreement));
}

double cs_agreement_second(const struct cs_agreement *agreement)
{
	return share(agreement->both + agreement->second, cs_agreement_images(agreement));
}

struct cs_agreement_difference cs_agreement_difference(const struct cs_agreement *agreement)
{
	static const double normal = 1.959963984540054; /* the 97.5 % quantile */
	double n = (double)cs_agreement_images(agreement) + 2;
	double b = (double)agreement->first + 0.5, c = (double)agreement->second + 0.5;
	double middle = (c - b) / n, deviation = sqrt(b + c - (c - b) * (c - b) / n) / n;

	if (n <= 2)
		return (struct cs_agreement_difference){NAN, NAN, NAN};
	return (struct cs_agreement_difference){
		share(agreement->second - agreement->first, cs_agreement_images(agreement)),
		fmax(-1, middle - normal * deviation), fmin(1, middle + normal * deviation)};
}

double cs_agreement_p(const struct cs_agreement *agreement)
{
	int64_t n = agreement->first + agreement->second;
	int64_t k = agreement->first < agreement->second ? agreement->first : agreement->second;
	double term, sum = 0;
	int sign;

	if (n == 0 || agreement->first == agreement->second)
		return 1;
	/* the probability of k successes in n throws, and from there down: each term from the one before */
	term = exp(lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) -
		lgamma_r((double)(n - k) + 1, &sign) - (double)n * M_LN2);
	for (int64_t i = k; i >= 0 && term > 0; i--) {
		sum += term;
		if (term < 1e-17 * sum)
			break;
		term *= (double)i / (double)(n - i + 1);
	}
	return fmin(1, 2 * sum);
}
