"""ZCA whitening against NumPy and Keras: whitening.py DIR convscope...

Writes data sets of coloured noise into DIR, lets the program (tests/peers/whitening.lua) fit a whitening to each, and computes the same whitening here, in
float64, from the same training pixels: of whole images W = (C + epsilon I)^(-1/2) as it is defined, by an SVD of the centred pictures (so without the
program's way through C); and with Keras' ImageDataGenerator, which is what the paper used, where enough pictures make its epsilon count for nothing, given
pictures without the mean of each pixel (Keras takes a mean a channel away, and so calls the average picture variance). Larger pictures: the filter that is nearest to C, which in the basis of the 2-D DCT is a channels x channels matrix a frequency; that it is the nearest
is checked on C itself, averaged over mirror images and translations. Prints "ok - what" or "not ok - what: why" for each.
"""
import subprocess
import sys

import h5py
import numpy as np

failed = 0


def report(what, why=None):
    global failed
    print(f"not ok - {what}: {why}" if why else f"ok - {what}", flush=True)
    failed += why is not None


def close(what, ours, reference, tolerance):
    worst = float(np.abs(ours - reference).max() / np.abs(reference).max())
    report(what, None if worst < tolerance else f"they differ by {worst:.2e} of the largest, {tolerance:.0e} is allowed")


def pictures(count, side, seed):
    """Pictures whose pixels vary together, as those of photographs do: smoothed noise under fine noise, channels mixed."""
    rng = np.random.default_rng(seed)
    fine = rng.normal(size=(count, side, side, 3))
    frequency = np.sqrt(np.fft.fftfreq(side)[:, None] ** 2 + np.fft.fftfreq(side)[None, :] ** 2)[..., None]
    smooth = np.fft.ifft2(np.fft.fft2(rng.normal(size=fine.shape), axes=(1, 2)) / (0.02 + frequency), axes=(1, 2)).real
    smooth /= smooth.std()
    mixed = (smooth + 0.25 * fine) @ np.array([[1, 0.7, 0.5], [0.4, 1, 0.6], [0.1, 0.5, 1]])
    return np.clip(127 + 38 * mixed, 0, 255).astype(np.uint8)


def fitted(directory, program, name, count, side, epsilon):
    """What the program makes of such pictures: its file as a dict, and the normalised training pictures and first ones in float64."""
    data, out = f"{directory}/{name}.npz", f"{directory}/{name}.h5"
    np.savez(data, x=pictures(count, side, side), y=np.arange(count) % 2)
    subprocess.run(program + ["run", "tests/peers/whitening.lua", data, str(epsilon), out], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(out) as file:
        found = {key: file[key][...].astype(np.float64) for key in file}

    def normal(pixels):
        return (pixels * found["scale"] - found["mean"]) / found["std"]

    return found, normal(found["train"]), normal(found["pixels"])


def whole(train, some, epsilon):
    mean = train.reshape(len(train), -1).mean(0)
    flat = train.reshape(len(train), -1) - mean
    _, sizes, axes = np.linalg.svd(flat, full_matrices=False)
    x = some.reshape(len(some), -1) - mean
    along = x @ axes.T
    # what lies outside of the training pictures has no variance but epsilon
    return ((along / np.sqrt(sizes**2 / len(train) + epsilon)) @ axes + (x - along @ axes) / np.sqrt(epsilon)).reshape(some.shape)


def dct(n):
    k, i = np.arange(n)[:, None], np.arange(n)[None, :]
    return np.sqrt(np.where(k, 2, 1) / n) * np.cos(np.pi * (i + 0.5) * k / n)


def filtered(train, some, epsilon):
    basis = dct(train.shape[1])
    mean = train.mean((0, 1, 2))

    def forward(x):
        return np.einsum("yi,nijc,xj->nyxc", basis, x, basis, optimize=True)

    waves = forward(train - mean)
    covariance = np.einsum("nyxc,nyxd->yxcd", waves, waves) / len(train)
    values, vectors = np.linalg.eigh(covariance + epsilon * np.eye(3))
    root = np.einsum("yxck,yxk,yxdk->yxcd", vectors, values**-0.5, vectors)
    y = np.einsum("yxcd,nyxd->nyxc", root, forward(some - mean))
    return np.einsum("yi,nyxc,xj->nijc", basis, y, basis, optimize=True), covariance


def nearest(train, covariance):
    """The filter's covariance as a matrix of pixels, against C averaged over what a filter with mirrored borders cannot tell apart."""
    basis, n = dct(train.shape[1]), train.shape[1]
    channel = train[..., 1] - train[..., 1].mean()
    c = np.einsum("nij,nkl->ijkl", channel, channel) / len(train)
    ours = np.einsum("yi,xj,yx,yk,xl->ijkl", basis, basis, covariance[..., 1, 1], basis, basis, optimize=True)
    rest = c - ours
    # Frobenius: what is left is orthogonal to every filter, so to each frequency's own
    left = np.einsum("yi,xj,ijkl,yk,xl->yx", basis, basis, rest, basis, basis, optimize=True)
    return float(np.abs(left).max() / np.abs(covariance).max()), float(np.linalg.norm(ours) / np.linalg.norm(c)), n


def by_keras(train, some):
    try:
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    except ImportError:
        from tensorflow.keras.preprocessing.image import ImageDataGenerator
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True, zca_epsilon=1e-8)
    mean = train.mean(0)  # a number a pixel; its own, one a channel, is then 0
    generator.fit((train - mean).astype(np.float32))
    return generator.standardize((some - mean).astype(np.float32))


def main():
    directory, program = sys.argv[1], sys.argv[2:]
    found, train, some = fitted(directory, program, "small", 900, 12, 1e-8)
    report("12x12 is whitened whole", None if found["whole"][0] == 1 else "it is filtered")
    close("ZCA of whole 12x12 pictures as NumPy computes it", found["whitened"], whole(train, some, found["epsilon"][0]), 1e-3)
    close("ZCA of whole 12x12 pictures as Keras computes it", found["whitened"], by_keras(train, some), 5e-3)
    close("12x12 pictures come back", found["back"], some, 1e-3)
    found, train, some = fitted(directory, program, "limit", 400, 32, 0.01)
    report("32x32 is whitened whole", None if found["whole"][0] == 1 else "it is filtered")
    close("ZCA of 32x32 pictures, fewer than numbers, as NumPy computes it", found["whitened"], whole(train, some, found["epsilon"][0]), 1e-3)
    close("32x32 pictures come back", found["back"], some, 1e-3)
    found, train, some = fitted(directory, program, "large", 400, 40, 0.01)
    report("40x40 is whitened by a filter", None if found["whole"][0] == 0 else "it is whitened whole")
    reference, covariance = filtered(train, some, found["epsilon"][0])
    close("the filter of 40x40 pictures as NumPy computes it", found["whitened"], reference, 1e-3)
    close("40x40 pictures come back", found["back"], some, 1e-3)
    _, train, _ = fitted(directory, program, "nearest", 60, 33, 0.01)
    left, kept, _ = nearest(train, filtered(train, train[:1], 0.01)[1])
    report("the filter is the nearest to the covariance", None if left < 1e-6 and kept < 1 else f"{left:.1e} is left at its own frequencies")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
