package dev.sortie.mission.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sortie.mission.api.ClientAddresses.Network;
import java.net.InetAddress;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClientAddressesTest {
    private static final ClientAddresses ADDRESSES =
            new ClientAddresses(List.of(Network.parse("10.0.0.0/8"), Network.parse("2001:db8::/32")));

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    203.0.113.7 |                                    | 203.0.113.7
                    203.0.113.7 | 198.51.100.1                       | 203.0.113.7
                    10.1.2.3    | 198.51.100.1                       | 198.51.100.1
                    10.1.2.3    | 192.0.2.66, 198.51.100.1           | 198.51.100.1
                    10.1.2.3    | 198.51.100.1, 10.9.9.9             | 198.51.100.1
                    10.1.2.3    | 198.51.100.1,10.9.9.9 , 10.8.8.8   | 198.51.100.1
                    10.1.2.3    | 10.9.9.9                           | 10.9.9.9
                    10.1.2.3    | nonsense                           | 10.1.2.3
                    10.1.2.3    | 198.51.100.1, nonsense             | 10.1.2.3
                    10.1.2.3    | localhost                          | 10.1.2.3
                    2001:db8::1 | 2a00:1:2:3:4:5:6:7                 | 2a00:1:2:3:0:0:0:0/64
                    2a00:1:2:3:9:9:9:9 |                             | 2a00:1:2:3:0:0:0:0/64
                    """)
    void believesProxiesOfOursAndNobodyElse(String peer, String forwardedFor, String expected) {
        assertThat(ADDRESSES.of(InetAddress.ofLiteral(peer), forwardedFor)).isEqualTo(expected);
    }

    @Test
    void knowsNothingOfACallThatComesFromNowhere() {
        assertThat(ADDRESSES.of(null, "198.51.100.1")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "proxy.example", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "::1/129", "/8"})
    void refusesWhatIsNoNetwork(String text) {
        assertThatThrownBy(() -> Network.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void survivesWhateverAHeaderMayHold() {
        var random = new Random(20_261_122);
        var peer = InetAddress.ofLiteral("10.0.0.1");
        for (int i = 0; i < 5_000; i++) {
            var header = random.ints(random.nextInt(60), 0, 16)
                    .mapToObj("0123456789.,: af"::charAt)
                    .collect(StringBuilder::new, StringBuilder::append, StringBuilder::append)
                    .toString();
            assertThat(ADDRESSES.of(peer, header)).isNotEmpty();
        }
        assertThat(ADDRESSES.of(peer, "10.0.0.1,".repeat(1_000) + "10.0.0.1")).isEqualTo("10.0.0.1");
    }
}
