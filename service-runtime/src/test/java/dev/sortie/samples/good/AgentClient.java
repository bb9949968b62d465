package dev.sortie.samples.good;

import io.grpc.Channel;

record AgentClient(Channel channel) {}
