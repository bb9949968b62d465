package dev.sortie.runtime.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Message;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopStatus;
import dev.sortie.mission.v1.ListApiTokensRequest;
import dev.sortie.mission.v1.ListHopsRequest;
import dev.sortie.runtime.Things;
import dev.sortie.runtime.testing.SettableClock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PageTokensTest {
    private static final String INVALID = "ERROR_REASON_PAGE_TOKEN_INVALID";
    private static final ListHopsRequest REQUEST = ListHopsRequest.newBuilder()
            .setMissionId("01978c2e-5b1f-7c3a-9d43-0a2b6f1c8e55")
            .setPageSize(3)
            .build();

    private final PageTokens tokens = new PageTokens(secret(1));

    @Test
    void walksThroughEveryItemOnce() {
        var all = IntStream.range(0, 10).boxed().toList();
        var seen = new ArrayList<Integer>();
        var token = "";
        do {
            var page = tokens.open(REQUEST.toBuilder().setPageToken(token).build());
            var after = page.after();
            long from = after == null ? -1 : after.number(0);
            var fetched = all.stream().filter(n -> n > from).limit(page.limit()).toList();
            var answer = page.page(fetched, Keyset::of);
            assertThat(answer.items()).hasSizeLessThanOrEqualTo(3);
            seen.addAll(answer.items());
            token = answer.nextPageToken();
        } while (!token.isEmpty());
        assertThat(seen).isEqualTo(all);
    }

    @Test
    void endsAPageBeforeItsMessagesAreTooLargeTogetherAndLosesNone() {
        int bytes = Page.MAX_BYTES / 2 - 100;
        var seen = new ArrayList<Integer>();
        var sizes = new ArrayList<Integer>();
        var token = "";
        do {
            var page = tokens.open(REQUEST.toBuilder().setPageToken(token).build());
            var after = page.after();
            long from = after == null ? -1 : after.number(0);
            var fetched = IntStream.range(0, 7)
                    .filter(n -> n > from)
                    .limit(page.limit())
                    .boxed()
                    .toList();
            var answer = page.page(fetched, Keyset::of)
                    .messages(n -> Hop.newBuilder()
                            .setSequenceOrder(n)
                            .setName("x".repeat(n == 4 ? 3 * bytes : bytes)) // one is too large by itself
                            .build());
            answer.items().forEach(hop -> seen.add(hop.getSequenceOrder()));
            sizes.add(answer.items().size());
            token = answer.nextPageToken();
        } while (!token.isEmpty());
        assertThat(seen).containsExactly(0, 1, 2, 3, 4, 5, 6);
        assertThat(sizes).containsExactly(2, 2, 1, 2);
    }

    @Test
    void keepsEveryTypeOfKey() {
        var id = UUID.randomUUID();
        var time = Instant.parse("2026-01-02T03:04:05.000006Z");
        var after =
                tokens.open(next(REQUEST, Keyset.of("text ü", -7L, time, id))).after();
        assertThat(after).isEqualTo(Keyset.of("text ü", -7L, time, id));
        assertThat(after.text(0)).isEqualTo("text ü");
        assertThat(after.number(1)).isEqualTo(-7);
        assertThat(after.instant(2)).isEqualTo(time);
        assertThat(after.uuid(3)).isEqualTo(id);
    }

    @Test
    void lowersAPageSizeThatIsTooLargeAndReplacesZero() {
        assertThat(tokens.open(size(0)).size()).isEqualTo(PageTokens.DEFAULT_PAGE_SIZE);
        assertThat(tokens.open(size(7)).size()).isEqualTo(7);
        assertThat(tokens.open(size(1_000_000)).size()).isEqualTo(PageTokens.MAX_PAGE_SIZE);
        assertThatThrownBy(() -> tokens.open(size(-1))).hasMessageContaining("page_size: -1 (expected: >= 0)");
    }

    @Test
    void allowsAnotherPageSizeButNoOtherFilterMethodOrSecret() {
        var next = next(REQUEST, Keyset.of(1L));
        assertThat(tokens.open(next.toBuilder().setPageSize(9).build()).after()).isEqualTo(Keyset.of(1L));
        assertRefused(
                tokens, next.toBuilder().setStatus(HopStatus.HOP_STATUS_ACTIVE).build());
        assertRefused(
                tokens,
                next.toBuilder().setMissionId(UUID.randomUUID().toString()).build());
        assertRefused(
                tokens,
                ListApiTokensRequest.newBuilder()
                        .setPageToken(next.getPageToken())
                        .build());
        assertRefused(new PageTokens(secret(2)), next);
    }

    @Test
    void refusesEveryTokenThatWasChangedInAnyWay() {
        var token = next(REQUEST, Keyset.of("name", 5L, UUID.randomUUID())).getPageToken();
        var random = new Random(42);
        for (int round = 0; round < 2_000; round++) {
            var changed = change(token, random);
            if (!changed.equals(token)) {
                assertRefused(tokens, REQUEST.toBuilder().setPageToken(changed).build());
            }
        }
        for (var nonsense : List.of("x", "====", "\u0000", "A".repeat(5_000), "..", token + token)) {
            assertRefused(tokens, REQUEST.toBuilder().setPageToken(nonsense).build());
        }
    }

    @Test
    void sharesItsSecretThroughTheDatabase() {
        try (var postgres = Things.database();
                var database = Things.open(postgres, new SettableClock())) {
            var next = next(PageTokens.load(database.queries()), REQUEST, Keyset.of(3L));
            assertThat(PageTokens.load(database.queries()).open(next).after()).isEqualTo(Keyset.of(3L));
            assertRefused(tokens, next);
        }
    }

    @Test
    void refusesASecretThatIsTooShort() {
        assertThatThrownBy(() -> new PageTokens(new byte[31])).hasMessageContaining("expected: >= 32");
    }

    private static String change(String token, Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> token.substring(0, 1 + random.nextInt(token.length() - 1));
            case 1 -> {
                var bytes = Base64.getUrlDecoder().decode(token);
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                yield Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
            }
            case 2 -> {
                int at = random.nextInt(token.length());
                yield token.substring(0, at) + (char) (random.nextInt(95) + 32) + token.substring(at + 1);
            }
            default -> token + "A";
        };
    }

    private ListHopsRequest next(ListHopsRequest request, Keyset keyset) {
        return next(tokens, request, keyset);
    }

    private static ListHopsRequest next(PageTokens tokens, ListHopsRequest request, Keyset keyset) {
        var page = tokens.open(request);
        var token = page.page(java.util.Collections.nCopies(page.limit(), 0), _ -> keyset)
                .nextPageToken();
        return request.toBuilder().setPageToken(token).build();
    }

    private static ListHopsRequest size(int size) {
        return REQUEST.toBuilder().setPageSize(size).build();
    }

    private static void assertRefused(PageTokens tokens, Message request) {
        assertThatThrownBy(() -> tokens.open(request)).hasMessageContaining(INVALID);
    }

    private static byte[] secret(int seed) {
        var secret = new byte[32];
        new Random(seed).nextBytes(secret);
        return secret;
    }
}
