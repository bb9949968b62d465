package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.uuid;

import com.google.protobuf.FieldMask;
import dev.sortie.mission.domain.MissionTree;
import dev.sortie.mission.v1.Asset;
import dev.sortie.mission.v1.GetMissionTreeRequest;
import dev.sortie.mission.v1.GetMissionTreeResponse;
import dev.sortie.mission.v1.Hop;
import dev.sortie.mission.v1.HopNode;
import dev.sortie.mission.v1.ToolStep;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Between trees of missions and their messages. Every part has a bound, so that a page of them, ended in time, always
 * fits into an answer.
 */
final class MissionTreeProtos {
    /** How much is shown of the long texts of the mission itself, in characters. */
    private static final int MISSION_TEXT = 16_384;
    /** The longest lists of criteria and metadata that are shown, in characters. */
    private static final int MISSION_JSON = 65_536;

    private MissionTreeProtos() {}

    static MissionTree.Wish toWish(GetMissionTreeRequest request) {
        return new MissionTree.Wish(
                uuid(request.getMissionId()),
                !request.getOmitToolSteps(),
                !request.getOmitAssets(),
                request.getIncludeExecutionResults());
    }

    static GetMissionTreeResponse toResponse(MissionTree tree) {
        var nodes = tree.nodes().items();
        var page = tree.nodes().messages(MissionTreeProtos::toPiece);
        var message = toPiece(tree.mission()).toBuilder();
        HopNode.@Nullable Builder open = null;
        for (int i = 0; i < page.items().size(); i++) {
            var piece = page.items().get(i);
            var hop = hopOf(nodes.get(i));
            if (hop == null) {
                message.addAllAssets(piece.getAssetsList());
            } else {
                if (open == null || !open.getHop().getHopId().equals(hop.id().toString())) {
                    var head = toPiece(new MissionTree.HopHead(hop));
                    open = message.addHopsBuilder().setHop(head.getHops(0).getHop());
                    message.putAllCutFields(head.getCutFieldsMap());
                }
                open.addAllToolSteps(piece.getHops(0).getToolStepsList());
                open.addAllAssets(piece.getHops(0).getAssetsList());
            }
            message.putAllCutFields(piece.getCutFieldsMap());
        }
        return GetMissionTreeResponse.newBuilder()
                .setTree(message)
                .setNextPageToken(page.nextPageToken())
                .build();
    }

    /** The hop that it is or is part of; null for what is the mission's own. */
    private static dev.sortie.mission.domain.@Nullable Hop hopOf(MissionTree.Node node) {
        return switch (node) {
            case MissionTree.MissionAsset _ -> null;
            case MissionTree.HopHead(var hop) -> hop;
            case MissionTree.HopStep step -> step.hop();
            case MissionTree.HopAsset asset -> asset.hop();
        };
    }

    /** A tree with nothing but the mission. */
    private static dev.sortie.mission.v1.MissionTree toPiece(dev.sortie.mission.domain.Mission mission) {
        var cut = new ArrayList<String>();
        var fields = mission.fields();
        var message = MissionProtos.toMessage(mission).toBuilder();
        if (isLonger(fields.description(), MISSION_TEXT)) {
            message.setDescription(beginning(fields.description(), MISSION_TEXT));
            cut.add("description");
        }
        if (isLonger(fields.goal(), MISSION_TEXT)) {
            message.setGoal(beginning(fields.goal(), MISSION_TEXT));
            cut.add("goal");
        }
        if (fields.successCriteria().stream().mapToInt(String::length).sum() > MISSION_JSON) {
            message.clearSuccessCriteria();
            cut.add("success_criteria");
        }
        if (fields.metadata().length() > MISSION_JSON) {
            message.clearMetadata();
            cut.add("metadata");
        }
        return noted(dev.sortie.mission.v1.MissionTree.newBuilder().setMission(message), message.getMissionId(), cut);
    }

    /** A tree with nothing but the node. */
    private static dev.sortie.mission.v1.MissionTree toPiece(MissionTree.Node node) {
        var cut = new ArrayList<String>();
        var tree = dev.sortie.mission.v1.MissionTree.newBuilder();
        return switch (node) {
            case MissionTree.MissionAsset(var asset) -> {
                var message = toMessage(asset, cut);
                yield noted(tree.addAssets(message), message.getAssetId(), cut);
            }
            case MissionTree.HopHead(var hop) -> {
                var message = toMessage(hop, cut);
                yield noted(tree.addHops(HopNode.newBuilder().setHop(message)), message.getHopId(), cut);
            }
            case MissionTree.HopStep step -> {
                var message = toMessage(step.step(), cut);
                yield noted(tree.addHops(HopNode.newBuilder().addToolSteps(message)), message.getToolStepId(), cut);
            }
            case MissionTree.HopAsset asset -> {
                var message = toMessage(asset.asset(), cut);
                yield noted(tree.addHops(HopNode.newBuilder().addAssets(message)), message.getAssetId(), cut);
            }
        };
    }

    private static Hop toMessage(dev.sortie.mission.domain.Hop hop, List<String> cut) {
        var message = HopProtos.toMessage(hop).toBuilder();
        message.setDescription(shown(message.getDescription(), "description", cut));
        message.setRationale(shown(message.getRationale(), "rationale", cut));
        return message.setErrorMessage(shown(message.getErrorMessage(), "error_message", cut))
                .build();
    }

    private static ToolStep toMessage(MissionTree.CutStep step, List<String> cut) {
        var message = ToolStepProtos.toMessage(step.step()).toBuilder();
        if (step.leftOut().contains("resource_configs")) {
            message.clearResourceConfigs();
        }
        cut.addAll(step.leftOut());
        message.setDescription(shown(message.getDescription(), "description", cut));
        return message.setErrorMessage(shown(message.getErrorMessage(), "error_message", cut))
                .build();
    }

    private static Asset toMessage(dev.sortie.mission.domain.Asset asset, List<String> cut) {
        var message = AssetProtos.toMessage(asset).toBuilder();
        return message.setDescription(shown(message.getDescription(), "description", cut))
                .build();
    }

    private static dev.sortie.mission.v1.MissionTree noted(
            dev.sortie.mission.v1.MissionTree.Builder tree, String id, List<String> cut) {
        return (cut.isEmpty()
                        ? tree
                        : tree.putCutFields(
                                id, FieldMask.newBuilder().addAllPaths(cut).build()))
                .build();
    }

    private static String shown(String text, String field, List<String> cut) {
        if (!isLonger(text, MissionTree.TEXT)) {
            return text;
        }
        cut.add(field);
        return beginning(text, MissionTree.TEXT);
    }

    private static boolean isLonger(String text, int characters) {
        return text.length() > characters && text.codePointCount(0, text.length()) > characters;
    }

    private static String beginning(String text, int characters) {
        return text.substring(0, text.offsetByCodePoints(0, characters));
    }
}
