"""From XOR to GPT, a PyTorch workshop: its script, with `STEPS` in place of its 10,000.

Not run from here: test_programs.py runs it as it stands, and after a change of imports.
"""

# ruff: noqa: B007, E402, F821, UP008
train_x = [[0, 0], [0, 1], [1, 0], [1, 1]]

train_y = [[0], [1], [1], [0]]

import torch
import torch.nn as nn
import torch.optim as optim

torch.random.manual_seed(42)  # Set a seed for reproducibility


class Model(nn.Module):
    def __init__(self):
        super(Model, self).__init__()
        self.fc1 = nn.Linear(2, 2)
        self.fc2 = nn.Linear(2, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = self.fc1(x)
        x = self.sigmoid(x)
        x = self.fc2(x)
        x = self.sigmoid(x)
        return x


def print_outputs():
    print(model(torch.tensor(train_x[0], dtype=torch.float32)))
    print(model(torch.tensor(train_x[1], dtype=torch.float32)))
    print(model(torch.tensor(train_x[2], dtype=torch.float32)))
    print(model(torch.tensor(train_x[3], dtype=torch.float32)))


model = Model()
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

# randomly initialized weights
print_outputs()
print(model)
print(model.fc1.weight)
print(model.fc1.bias)

_input = torch.tensor(train_x[0], dtype=torch.float32)
_output = (
    (_input @ model.fc1.weight.t() + model.fc1.bias).sigmoid() @ model.fc2.weight.t()
    + model.fc2.bias
).sigmoid()
print(_output)

# Stochastic Gradient Descent
for epoch in range(STEPS):
    # batch training - size 1
    for i in range(len(train_x)):
        inputs = torch.tensor(train_x[i], dtype=torch.float32)
        target = torch.tensor(train_y[i], dtype=torch.float32)

        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, target)
        loss.backward()
        optimizer.step()

# after training
print_outputs()

# Full Gradient Descent
model = Model()
optimizer = optim.SGD(model.parameters(), lr=1.0)

inputs = torch.tensor(train_x, dtype=torch.float32)
targets = torch.tensor(train_y, dtype=torch.float32)

print_outputs()

for epoch in range(STEPS):
    # full batch - usually not feasible for large datasets
    optimizer.zero_grad()
    outputs = model(inputs)
    loss = criterion(outputs, targets)
    loss.backward()
    optimizer.step()

# after training
print_outputs()

# Full Gradient Descent without optimizer and loss
model = Model()
inputs = torch.tensor(train_x, dtype=torch.float32)
targets = torch.tensor(train_y, dtype=torch.float32)

print_outputs()

for epoch in range(STEPS):
    # Gradient descent - not stochastic
    for p in model.parameters():
        p.grad = None  # reset gradients

    outputs = model(inputs)
    loss = (outputs - targets).pow(2).mean()  # Mean Squared Error (MSE) loss
    loss.backward()

    for p in model.parameters():
        p.data -= 1.0 * p.grad  # update weights manually

# after training
print_outputs()
