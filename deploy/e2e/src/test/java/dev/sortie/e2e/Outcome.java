package dev.sortie.e2e;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;

/** What came of one call. The response is JSON's null when the call failed. */
record Outcome(String code, String message, String reason, List<String> fields, JsonElement response) {

    static Outcome of(JsonElement response) {
        return new Outcome("OK", "", "", List.of(), response);
    }

    static Outcome of(StatusRuntimeException failure) {
        var reason = "";
        List<String> fields = List.of();
        var status = StatusProto.fromThrowable(failure);
        if (status != null) {
            try {
                for (var detail : status.getDetailsList()) {
                    if (detail.is(ErrorInfo.class)) {
                        reason = detail.unpack(ErrorInfo.class).getReason();
                    } else if (detail.is(BadRequest.class)) {
                        fields = detail.unpack(BadRequest.class).getFieldViolationsList().stream()
                                .map(BadRequest.FieldViolation::getField)
                                .sorted()
                                .toList();
                    }
                }
            } catch (InvalidProtocolBufferException e) {
                throw new AssertionError("the details of the failure cannot be decoded", e);
            }
        }
        var description = failure.getStatus().getDescription();
        return new Outcome(
                failure.getStatus().getCode().name(),
                description == null ? "" : description,
                reason,
                fields,
                JsonNull.INSTANCE);
    }
}
