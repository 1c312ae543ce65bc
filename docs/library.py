# %% [markdown]
"""
The package as a library
========================

`pip install .` in this repository installs the package alone, without Snakemake; `help(feature_sensitivity.library)`
says all there is to know. This file is a notebook in plain Python: editors show its cells, Jupytext opens it in
Jupyter, and `python docs/library.py` runs it in some seconds.
"""

# %% Any images [n, channels, height, width], uint8 or floats in [0, 1]: here handwritten digits
import torch
from sklearn.datasets import load_digits
from torch import nn

from feature_sensitivity.library import feature_table, measure, wrap

digits = load_digits()
images, labels = (digits.images[:, None] / 16).astype("float32"), digits.target

# %% Any network that returns logits: here a small one, trained for a moment
torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.GELU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(256, 32),
    nn.ReLU(),
    nn.Linear(32, 10),
)
optimizer = torch.optim.Adam(network.parameters(), 3e-3)
x, y = (torch.from_numpy(images[:1500]) - 0.3) / 0.4, torch.from_numpy(labels[:1500])
for _ in range(60):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(x), y).backward()
    optimizer.step()

# %% The network as a model: how its images are standardized, and which layer has the features
model = wrap(network, images, mean=[0.3], std=[0.4])  # features: the input of the last linear layer
earlier = wrap(network, images, mean=[0.3], std=[0.4], layer="3")  # the output of a module, averaged over positions

# %% How far each feature can be moved, up and down, at each image: an xarray.Dataset. Epsilon is a share of the pixel
# range; epsilon_unit="standardized" gives the unit that is the workflow's default
extrema = measure(model, images[1500:1532], labels=labels[1500:1532], epsilon="8/255", clip_to_pixel_box=True)
print(extrema)

# %% A row for each feature: a pandas.DataFrame
print(feature_table(extrema).sort_values("sensitivity", ascending=False).head(8).round(3).to_string())

# %% Named dimensions: the images of which class move the features farthest?
movement = (extrema.maximum - extrema.clean).groupby(extrema.label).mean()
print(movement.mean("feature").to_series().round(3))

# %% Another radius, another layer
for name, other in {"penultimate": model, "after the pooling": earlier}.items():
    for epsilon in ("4/255", "16/255"):
        table = feature_table(measure(other, images[1500:1516], epsilon=epsilon, protocol="fast"))
        print(f"{name}, {epsilon}: mean sensitivity {table.sensitivity.mean():.3f}")

# %% Kept: the same form as the files of the workflow in results/sens
extrema.to_netcdf("digits_8-255.h5", engine="h5netcdf")
