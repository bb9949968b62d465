package dev.sortie.local;

import dev.sortie.runtime.config.Settings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Where the three servers listen.
 *
 * @param host the address to listen at
 * @param grpc the gRPC port of each service
 * @param http the port for metrics and health of each service
 */
record Endpoints(String host, Map<String, Integer> grpc, Map<String, Integer> http) {

    private static final int GRPC = 7401;
    private static final int HTTP = 7411;

    static Endpoints read(Settings settings) {
        var host = settings.text(
                "SORTIE_HOST", "127.0.0.1", "the address the servers listen at; 0.0.0.0 for all, without encryption");
        var grpc = new LinkedHashMap<String, Integer>();
        var http = new LinkedHashMap<String, Integer>();
        for (var service : Databases.SERVICES) {
            var name = "SORTIE_" + service.toUpperCase(Locale.ROOT);
            var server = service + "-service";
            grpc.put(
                    service,
                    settings.port(name + "_PORT", GRPC + grpc.size(), "the gRPC port of " + server + "; 0 for any"));
            http.put(
                    service,
                    settings.port(
                            name + "_ADMIN_PORT",
                            HTTP + http.size(),
                            "the port for metrics and health of " + server + "; 0 for any"));
        }
        return new Endpoints(host, grpc, http);
    }

    /** The same with a free port for every 0: the services have to know each other's ports before they start. */
    Endpoints choosePorts() {
        // All at once, so that no port is chosen twice.
        var sockets = new ArrayList<ServerSocket>();
        try {
            try {
                return new Endpoints(host, choose(grpc, sockets), choose(http, sockets));
            } finally {
                for (var socket : sockets) {
                    socket.close();
                }
            }
        } catch (IOException e) {
            throw new LocalException("Looking for free ports failed: " + e.getMessage(), e);
        }
    }

    private static Map<String, Integer> choose(Map<String, Integer> ports, ArrayList<ServerSocket> sockets)
            throws IOException {
        var chosen = new LinkedHashMap<String, Integer>();
        for (var port : ports.entrySet()) {
            if (port.getValue() == 0) {
                var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                sockets.add(socket);
                chosen.put(port.getKey(), socket.getLocalPort());
            } else {
                chosen.put(port.getKey(), port.getValue());
            }
        }
        return chosen;
    }

    /** Where a client on this machine reaches a service by gRPC. */
    String grpcAddress(String service) {
        return reachable() + ":" + grpc.getOrDefault(service, 0);
    }

    /** Where a client on this machine reaches a service's health and metrics. */
    String httpAddress(String service) {
        return reachable() + ":" + http.getOrDefault(service, 0);
    }

    private String reachable() {
        var address = new InetSocketAddress(host, 0).getAddress();
        if (address == null || address.isAnyLocalAddress()) {
            return "127.0.0.1";
        }
        return host.contains(":") ? "[" + host + "]" : host;
    }
}
