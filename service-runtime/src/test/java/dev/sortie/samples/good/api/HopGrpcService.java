package dev.sortie.samples.good.api;

import dev.sortie.samples.good.domain.Hops;
import io.grpc.Status;

record HopGrpcService(Hops hops, Status status) {}
