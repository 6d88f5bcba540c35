"""The same training with PyTorch: DistributedDataParallel over gloo, one thread a rank; plain on one rank. Start it under
mpirun, which says who is who; --store is a file that does not exist yet, where the ranks meet."""

import os
import sys

import torch
from torch import nn

import bench_options


def make_network(options):
    layers, units = [], options.inputs
    if options.drop_input > 0:
        layers.append(nn.Dropout(options.drop_input))
    for hidden in options.hidden:
        layers += [nn.Linear(units, hidden), nn.ReLU() if options.activation == "relu" else nn.Sigmoid()]
        if options.drop_hidden > 0:
            layers.append(nn.Dropout(options.drop_hidden))
        units = hidden
    return nn.Sequential(*layers, nn.Linear(units, bench_options.CLASSES))


def make_optimizer(options, network):
    if options.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), options.rate, momentum=options.momentum)
    if options.optimizer == "rmsprop":
        return torch.optim.RMSprop(network.parameters(), options.rate, alpha=0.9)
    return torch.optim.Adam(network.parameters(), options.rate)


def limit_norms(network, limit):
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 2:
                parameter.copy_(torch.renorm(parameter, 2, 0, limit))


def main():
    store = "file://" + os.path.abspath(sys.argv.pop())
    options = bench_options.parse(__doc__)
    rank, ranks = (int(os.environ.get(f"OMPI_COMM_WORLD_{what}", fallback)) for what, fallback in (("RANK", 0), ("SIZE", 1)))
    torch.set_num_threads(1)
    network = make_network(options)
    if ranks > 1:
        torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=ranks)
        network = nn.parallel.DistributedDataParallel(network)
    optimizer, loss = make_optimizer(options, network), nn.CrossEntropyLoss()
    x, y = (torch.from_numpy(array) for array in bench_options.rows(rank, options.inputs))

    def step(_):
        picked = torch.randint(len(x), (options.batch,))
        optimizer.zero_grad(set_to_none=True)
        loss(network(x[picked].float().mul_(1 / 255)), y[picked]).backward()
        optimizer.step()
        if options.max_norm > 0:
            limit_norms(network, options.max_norm)

    def agree(value):
        if ranks == 1:
            return value
        box = torch.tensor([float(value)])
        torch.distributed.broadcast(box, 0)
        return int(box.item())

    bench_options.measure(step, options.batch, options.seconds, ranks, rank, agree)
    # Without taking gloo down: where the other rank is faster, that was seen to wait for ever.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
