package dev.sortie.contract;

import static org.assertj.core.api.Assertions.assertThat;

import build.buf.validate.FieldRules;
import build.buf.validate.Ignore;
import build.buf.validate.StringRules;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type;
import dev.sortie.contract.Contract.Field;
import dev.sortie.contract.Contract.Rpc;
import dev.sortie.type.v1.Access;
import dev.sortie.type.v1.AuthorizationProto;
import dev.sortie.type.v1.Scope;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The rules of the contract that lint does not know, checked on every descriptor. */
class ContractTest {

    private static final Contract CONTRACT = Contract.ofThisBuild();

    /** RPCs anybody may call. A new one is a decision about security: it belongs here by review alone. */
    private static final Set<String> ANONYMOUS = Set.of(
            "sortie.mission.v1.AuthService/Login",
            "sortie.mission.v1.AuthService/RefreshToken",
            "sortie.mission.v1.AuthService/GetJwks");

    /** Free JSON: bounded by (sortie.type.v1.max_bytes). */
    private static final Set<String> FREE_SHAPES =
            Set.of("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue");

    /** Mutations that a request id would not make safer, each with what does or why nothing can. */
    private static final Map<String, String> WITHOUT_REQUEST_ID = Map.of(
            "sortie.agent.v1.ExecutionService/CancelExecution", "cancelling a cancelled execution changes nothing",
            "sortie.agent.v1.WorkOrderService/CancelWorkOrder", "cancelling a cancelled order changes nothing",
            "sortie.agent.v1.WorkService/CompleteWork", "a result is accepted once by its claim token",
            "sortie.mission.v1.AuthService/CreateApiToken", "the answer holds a secret, which is never stored");

    /** How RPCs begin that change nothing. */
    private static final String[] READING = {
        "Get", "List", "Query", "Diff", "Download", "Tail", "Watch", "Stream", "Assemble", "Explain", "Search", "Pull"
    };

    private static final String COMMON_REASONS = "sortie.type.v1.ErrorReason";

    /** Points in time with a noun of their own. */
    private static final Set<String> NAMED_TIMES = Set.of(
            "sortie.mission.v1.ListMissionsRequest.deadline_before",
            "sortie.mission.v1.ListPlansRequest.deadline_before",
            "sortie.mission.v1.ListTasksRequest.deadline_before",
            "sortie.mission.v1.Mission.deadline",
            "sortie.mission.v1.Plan.deadline",
            "sortie.mission.v1.Task.deadline");

    /** An anchored pattern without open-ended repetition, which is a bound by itself. */
    private static final Pattern BOUNDED_PATTERN = Pattern.compile("\\^(?:[^*+]|\\[[^]]*])*\\$");

    @Test
    void everyRpcHasARequestAndAResponseOfItsOwn() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> !rpc.method()
                                        .getInputType()
                                        .equals("." + rpc.packageName() + "." + rpc.name() + "Request")
                                || !rpc.method()
                                        .getOutputType()
                                        .equals("." + rpc.packageName() + "." + rpc.name() + "Response")))
                .isEmpty();
    }

    @Test
    void everyResponseHasWhatItIsAboutInFieldOne() {
        assertThat(offenders(
                        CONTRACT.rpcs(), rpc -> CONTRACT.output(rpc).field(1).isEmpty()))
                .as("responses without a field 1")
                .isEmpty();
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> hasAny(rpc, "Create", "Get", "List", "Update", "Delete", "Put")
                                && CONTRACT.output(rpc)
                                        .field(1)
                                        .filter(field -> field.getType() == Type.TYPE_MESSAGE)
                                        .isEmpty()))
                .as("standard methods whose response does not begin with the resource")
                .isEmpty();
    }

    @Test
    void everyRpcSaysWhoMayCallIt() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> rpc.authorization().getAccess() == Access.ACCESS_UNSPECIFIED
                                || rpc.authorization().getAccess() == Access.UNRECOGNIZED))
                .isEmpty();
    }

    /** A limited token can call nothing whose scope it does not have, so nothing may be without one. */
    @Test
    void everyRpcThatAsksForATokenSaysWhichScopeItNeeds() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> (rpc.authorization().getAccess() == Access.ACCESS_ANONYMOUS)
                                        != rpc.authorization().getScopesList().isEmpty()
                                || rpc.authorization().getScopesList().contains(Scope.SCOPE_UNSPECIFIED)
                                || rpc.authorization().getScopesList().contains(Scope.UNRECOGNIZED)))
                .as("RPCs without a scope: add `scopes: SCOPE_…` to the authorization option")
                .isEmpty();
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> rpc.authorization().getScopesList().contains(Scope.SCOPE_ANY)))
                .containsExactly("sortie.mission.v1.AuthService/WhoAmI");
    }

    @Test
    void nothingThatChangesSomethingNeedsNoMoreThanAScopeForReading() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> rpc.authorization().getScopesList().stream()
                                        .anyMatch(scope -> scope.name().endsWith("_READ"))
                                && !hasAny(rpc, READING)))
                .isEmpty();
    }

    /** Served for others' clients, by names and shapes that are theirs: the rules about who may call hold all the same. */
    @Test
    void whatIsServedByAContractOfOthersIsForNobodyWithoutAToken() {
        assertThat(CONTRACT.foreignRpcs())
                .extracting(Rpc::fullName)
                .containsExactly(
                        "externalscaler.ExternalScaler/IsActive",
                        "externalscaler.ExternalScaler/StreamIsActive",
                        "externalscaler.ExternalScaler/GetMetricSpec",
                        "externalscaler.ExternalScaler/GetMetrics",
                        "externalscaler.ExternalScaler/StreamMetricSpec");
        assertThat(CONTRACT.foreignRpcs()).allSatisfy(rpc -> {
            assertThat(rpc.authorization().getAccess()).isEqualTo(Access.ACCESS_VIEWER);
            assertThat(rpc.authorization().getScopesList()).containsExactly(Scope.SCOPE_AGENT_READ);
        });
    }

    /** What carries a token is shown nowhere. */
    @Test
    void mapsWithTokensAreRedacted() {
        var carriers = CONTRACT.messages().values().stream()
                .flatMap(message -> CONTRACT.fields(message).stream())
                .filter(field -> !field.proto()
                        .getOptions()
                        .getExtension(AuthorizationProto.tokenEntry)
                        .isEmpty())
                .toList();
        assertThat(carriers)
                .isNotEmpty()
                .allSatisfy(field -> assertThat(field.proto().getOptions().getDebugRedact()
                                && CONTRACT.isMap(field)
                                && isBounded(field))
                        .as(field.fullName())
                        .isTrue());
    }

    @Test
    void onlyLoginsAndTheKeysAreAnonymous() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> rpc.authorization().getAccess() == Access.ACCESS_ANONYMOUS
                                && !ANONYMOUS.contains(rpc.fullName())))
                .isEmpty();
    }

    @Test
    void whatChangesSomethingAsksForMoreThanAViewer() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> hasAny(rpc, "Create", "Update", "Delete", "Put", "Move")
                                && rpc.authorization().getAccess() == Access.ACCESS_VIEWER
                                // A caller's own tokens, and their own account.
                                && !rpc.service().endsWith(".AuthService")
                                && !rpc.fullName().equals("sortie.mission.v1.UserService/UpdateUser")))
                .isEmpty();
    }

    @Test
    void everyStringBlobListAndMapOfARequestHasABound() {
        var unbounded = CONTRACT.inputFields().stream()
                .filter(field -> !isBounded(field))
                .map(Field::fullName)
                .toList();
        assertThat(unbounded).isEmpty();
    }

    @Test
    void everyEnumOfARequestRefusesUnknownValues() {
        var open = CONTRACT.inputFields().stream()
                .filter(field -> field.is(Type.TYPE_ENUM))
                .filter(field -> {
                    var rules = field.isRepeated() ? field.rules().getRepeated().getItems() : field.rules();
                    return !rules.getEnum().getDefinedOnly() && rules.getEnum().getInCount() == 0;
                })
                .map(Field::fullName)
                .toList();
        assertThat(open).isEmpty();
    }

    @Test
    void everyIdOfARequestIsAUuidOrHasAPatternOfItsOwn() {
        var loose = CONTRACT.inputFields().stream()
                .filter(field -> field.is(Type.TYPE_STRING))
                .filter(field -> field.name().endsWith("_id") || field.name().endsWith("_ids"))
                .filter(field -> {
                    var rules = field.isRepeated() ? field.rules().getRepeated().getItems() : field.rules();
                    return !rules.getString().getUuid() && !rules.getString().hasPattern();
                })
                .map(Field::fullName)
                .toList();
        assertThat(loose).isEmpty();
    }

    @Test
    void aRequestIdIsAnOptionalUuidAndItsResponseTellsReplays() {
        for (var rpc : CONTRACT.rpcs()) {
            var requestId = CONTRACT.input(rpc).field("request_id");
            var replayed = CONTRACT.output(rpc).field("replayed").filter(field -> field.getType() == Type.TYPE_BOOL);
            assertThat(replayed.isPresent())
                    .as("%s: the response has `replayed` exactly when the request has `request_id`", rpc.fullName())
                    .isEqualTo(requestId.isPresent());
            requestId.ifPresent(field -> {
                var rules = new Field(CONTRACT.input(rpc), field).rules();
                assertThat(rules.getString().getUuid() && rules.getIgnore() == Ignore.IGNORE_IF_ZERO_VALUE)
                        .as("%s: request_id is a UUID or empty", rpc.fullName())
                        .isTrue();
            });
        }
    }

    @Test
    void whatCreatesOrMovesSomethingCanBeRepeatedSafely() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> hasAny(rpc, "Create", "Update", "Delete", "Move", "Start", "Run", "Complete", "Cancel")
                                && !rpc.method().getClientStreaming()
                                && CONTRACT.input(rpc).field("request_id").isEmpty()
                                && !WITHOUT_REQUEST_ID.containsKey(rpc.fullName())))
                .as("mutations without request_id")
                .isEmpty();
    }

    @Test
    void listsArePaged() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> rpc.name().startsWith("List")
                                && !(CONTRACT.input(rpc).field("page_size").isPresent()
                                        && CONTRACT.input(rpc)
                                                .field("page_token")
                                                .isPresent()
                                        && CONTRACT.output(rpc)
                                                .field("next_page_token")
                                                .isPresent())))
                .isEmpty();
    }

    @Test
    void updatesHaveAMask() {
        assertThat(offenders(
                        CONTRACT.rpcs(),
                        rpc -> rpc.name().startsWith("Update")
                                && CONTRACT.input(rpc).field("update_mask").isEmpty()))
                .isEmpty();
    }

    @Test
    void timesAreTimestampsAndDurationsAreDurations() {
        var numbers = Set.of("_seconds", "_millis", "_ms", "_minutes", "_hours", "_at", "_timestamp");
        var wrong = new ArrayList<String>();
        for (var message : CONTRACT.messages().values()) {
            if (!message.name().startsWith("sortie.")) {
                continue;
            }
            for (var field : CONTRACT.fields(message)) {
                var type = field.proto().getTypeName();
                if (NAMED_TIMES.contains(field.fullName()) && type.equals(".google.protobuf.Timestamp")) {
                    continue;
                }
                if (numbers.stream().anyMatch(field.name()::endsWith)
                        || field.name().endsWith("_time") != type.equals(".google.protobuf.Timestamp")) {
                    wrong.add(field.fullName());
                }
                if (Set.of(".google.protobuf.Empty", ".google.protobuf.Any").contains(type)) {
                    wrong.add(field.fullName() + " is a " + type);
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void noFieldIsNamedLikeWhatLanguagesMakeOfAnother() {
        var wrong = new ArrayList<String>();
        for (var message : CONTRACT.messages().values()) {
            var names = new TreeSet<String>();
            CONTRACT.fields(message).forEach(field -> names.add(field.name()));
            for (var name : names) {
                if (names.contains("has_" + name) || names.contains("clear_" + name)) {
                    wrong.add(message.name() + "." + name);
                }
            }
        }
        assertThat(wrong).as("fields beside a has_ or clear_ of theirs").isEmpty();
    }

    @Test
    void secretsAreRedacted() {
        var secret = Set.of(
                "password",
                "new_password",
                "old_password",
                "current_password",
                "token",
                "access_token",
                "refresh_token",
                "api_token",
                "secret",
                "secret_value",
                "claim_token");
        var shown = new TreeSet<String>();
        for (var message : CONTRACT.messages().values()) {
            if (message.name().startsWith("sortie.")) {
                CONTRACT.fields(message).stream()
                        .filter(field -> secret.contains(field.name()) && field.is(Type.TYPE_STRING))
                        .filter(field -> !field.proto().getOptions().getDebugRedact())
                        .forEach(field -> shown.add(field.fullName()));
            }
        }
        assertThat(shown).isEmpty();
    }

    @Test
    void reasonsHaveACodeAnExampleAndANameOfTheirOwn() {
        var codes = Set.of(
                "INVALID_ARGUMENT",
                "NOT_FOUND",
                "FAILED_PRECONDITION",
                "ABORTED",
                "ALREADY_EXISTS",
                "UNAUTHENTICATED",
                "PERMISSION_DENIED",
                "OUT_OF_RANGE",
                "RESOURCE_EXHAUSTED",
                "UNAVAILABLE",
                "DEADLINE_EXCEEDED",
                "INTERNAL",
                "UNIMPLEMENTED",
                "CANCELLED");
        var owners = new HashMap<String, String>();
        for (var enumeration : CONTRACT.enums()) {
            if (!enumeration.name().endsWith(".ErrorReason")) {
                continue;
            }
            enumeration.comments().forEach((name, comment) -> {
                if (name.endsWith("_UNSPECIFIED")) {
                    return;
                }
                assertThat(codes)
                        .as("the code that begins the comment of %s", name)
                        .contains(comment.split("\\.")[0]);
                assertThat(comment).as("the comment of %s", name).containsPattern("(?s)Example metadata: \\{.*}$");
                // Two services may have a reason of one name: the domain tells them apart, except from the common ones.
                var owner = owners.put(name, enumeration.name());
                assertThat(owner).as("the other enum that has %s", name).isNotEqualTo(COMMON_REASONS);
                assertThat(owner != null && enumeration.name().equals(COMMON_REASONS))
                        .as("%s is common, and a service's own", name)
                        .isFalse();
            });
        }
        assertThat(owners).isNotEmpty();
    }

    /** A client that reads the descriptor set, and nothing else, reads the details of failures as well. */
    @Test
    void whatTravelsInFailuresIsPartOfWhatIsPublished() {
        assertThat(CONTRACT.messages())
                .containsKeys(
                        "google.rpc.Status",
                        "google.rpc.ErrorInfo",
                        "google.rpc.BadRequest",
                        "google.rpc.PreconditionFailure",
                        "google.rpc.RetryInfo");
    }

    @Test
    void packagesAreFoldersAndJavaPackages() {
        for (var file : CONTRACT.files()) {
            assertThat(file.getName()).startsWith(file.getPackage().replace('.', '/') + "/");
            assertThat(file.getOptions().getJavaPackage()).as(file.getName()).isEqualTo("dev." + file.getPackage());
            assertThat(file.getOptions().getJavaMultipleFiles())
                    .as(file.getName())
                    .isTrue();
        }
        assertThat(CONTRACT.packages()).contains("sortie.type.v1", "sortie.change.v1");
    }

    private static boolean isBounded(Field field) {
        if (CONTRACT.isMap(field)) {
            var entry = CONTRACT.type(field).orElseThrow();
            var map = field.rules().getMap();
            return map.hasMaxPairs()
                    && isBounded(new Field(entry, entry.field("key").orElseThrow()), map.getKeys(), field)
                    && isBounded(new Field(entry, entry.field("value").orElseThrow()), map.getValues(), field);
        }
        if (field.isRepeated()) {
            return field.rules().getRepeated().hasMaxItems()
                    && isBounded(field, field.rules().getRepeated().getItems(), field);
        }
        return isBounded(field, field.rules(), field);
    }

    /** Whether one value is bounded; {@code holder} is the field that has the options. */
    private static boolean isBounded(Field value, FieldRules rules, Field holder) {
        return switch (value.proto().getType()) {
            case TYPE_STRING -> isBounded(rules.getString());
            case TYPE_BYTES -> rules.getBytes().hasMaxLen() || rules.getBytes().hasLen();
            case TYPE_MESSAGE ->
                !FREE_SHAPES.contains(value.proto().getTypeName().substring(1)) || holder.maxBytes() > 0;
            default -> true;
        };
    }

    private static boolean isBounded(StringRules rules) {
        return rules.hasMaxLen()
                || rules.hasMaxBytes()
                || rules.hasLen()
                || rules.hasLenBytes()
                || rules.getUuid()
                || rules.hasConst()
                || rules.getInCount() > 0
                || (BOUNDED_PATTERN.matcher(rules.getPattern()).matches()
                        && !rules.getPattern().contains(",}"));
    }

    private static boolean hasAny(Rpc rpc, String... prefixes) {
        return Stream.of(prefixes).anyMatch(rpc.name()::startsWith);
    }

    private static List<String> offenders(List<Rpc> rpcs, Predicate<Rpc> offends) {
        assertThat(rpcs).isNotEmpty();
        return rpcs.stream().filter(offends).map(Rpc::fullName).toList();
    }
}
