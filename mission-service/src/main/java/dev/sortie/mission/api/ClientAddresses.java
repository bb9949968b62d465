package dev.sortie.mission.api;

import dev.sortie.runtime.grpc.CallContext;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where calls come from: the other end of the connection or, where that is a proxy of ours, whom the proxy says it speaks
 * for. What anybody else says about themselves is not believed.
 *
 * @param trustedProxies the networks in which our proxies are
 */
public record ClientAddresses(List<Network> trustedProxies) {
    private static final int MAX_HOPS = 20;
    private static final int BITS_OF_ONE_CUSTOMER = 64;

    /**
     * Some addresses.
     *
     * @param prefix how many leading bits they have in common
     */
    public record Network(InetAddress address, int prefix) {
        /**
         * A network in the form {@code 10.0.0.0/8} or {@code 2001:db8::/32}, or one address.
         *
         * @throws IllegalArgumentException for anything else
         */
        public static Network parse(String text) {
            var parts = text.split("/", 2);
            var address = literal(parts[0]).orElseThrow(() -> new IllegalArgumentException(text));
            int bits = address.getAddress().length * 8;
            int prefix = parts.length == 1 ? bits : Integer.parseInt(parts[1]);
            if (prefix < 0 || prefix > bits) {
                throw new IllegalArgumentException(text);
            }
            return new Network(address, prefix);
        }

        boolean contains(InetAddress other) {
            return other.getAddress().length == address.getAddress().length
                    && Arrays.equals(leading(other, prefix), leading(address, prefix));
        }
    }

    /** Where the present call comes from; empty when that is not known. */
    public String current() {
        return of(CallContext.peer(), CallContext.forwardedFor());
    }

    /**
     * The same of any call. IPv6 customers have whole networks: they count as one address.
     *
     * @param peer the other end of the connection
     * @param forwardedFor what {@code x-forwarded-for} says: each proxy adds whom it has it from
     */
    String of(@Nullable InetAddress peer, @Nullable String forwardedFor) {
        if (peer == null) {
            return "";
        }
        var client = peer;
        var hops = forwardedFor == null ? new String[0] : forwardedFor.split(",", -1);
        for (int i = hops.length - 1, seen = 0; i >= 0 && seen < MAX_HOPS && isTrusted(client); i--, seen++) {
            var before = literal(hops[i].strip());
            if (before.isEmpty()) {
                break;
            }
            client = before.get();
        }
        return client instanceof Inet6Address
                ? text(leading(client, BITS_OF_ONE_CUSTOMER)) + "/" + BITS_OF_ONE_CUSTOMER
                : client.getHostAddress();
    }

    private boolean isTrusted(InetAddress address) {
        return trustedProxies.stream().anyMatch(network -> network.contains(address));
    }

    /** Never a name: nobody is asked about what a stranger wrote. */
    private static Optional<InetAddress> literal(String text) {
        try {
            return Optional.of(InetAddress.ofLiteral(text));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }

    private static byte[] leading(InetAddress address, int bits) {
        var bytes = address.getAddress();
        for (int i = 0; i < bytes.length; i++) {
            int keep = Math.clamp(bits - i * 8L, 0, 8);
            bytes[i] &= (byte) (0xFF << (8 - keep));
        }
        return bytes;
    }

    private static String text(byte[] address) {
        try {
            return InetAddress.getByAddress(address).getHostAddress();
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
