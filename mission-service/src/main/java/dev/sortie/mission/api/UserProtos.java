package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.json;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.struct;
import static dev.sortie.runtime.grpc.Messages.timestamp;
import static dev.sortie.runtime.grpc.Messages.uuid;

import dev.sortie.mission.domain.PasswordChanges;
import dev.sortie.mission.domain.User;
import dev.sortie.mission.domain.UserDraft;
import dev.sortie.mission.domain.UserRemoval;
import dev.sortie.mission.domain.Users;
import dev.sortie.mission.store.UserStore;
import dev.sortie.mission.v1.ChangePasswordRequest;
import dev.sortie.mission.v1.ChangePasswordResponse;
import dev.sortie.mission.v1.CreateUserRequest;
import dev.sortie.mission.v1.CreateUserResponse;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.DeleteUserResponse;
import dev.sortie.mission.v1.GetUserResponse;
import dev.sortie.mission.v1.ListUsersRequest;
import dev.sortie.mission.v1.ListUsersResponse;
import dev.sortie.mission.v1.UpdateUserRequest;
import dev.sortie.mission.v1.UpdateUserResponse;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.UserRole;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.identity.Role;
import dev.sortie.runtime.paging.FieldMasks;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.ErrorReason;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Between users and their messages. */
final class UserProtos {
    private UserProtos() {}

    /**
     * What a request wants to be made.
     *
     * @param passwordHash of the password in the request; null where it has none
     */
    static UserDraft toDraft(CreateUserRequest request, @Nullable String passwordHash) {
        var user = request.getUser();
        var role = toRole(user.getRole());
        if (role == null) {
            throw Failure.invalidArgument(ErrorReason.ERROR_REASON_FIELD_INVALID, "user.role", "value is required")
                    .with("field_count", 1)
                    .exception();
        }
        return new UserDraft(
                user.getUsername(),
                user.getEmail(),
                user.getFullName(),
                role,
                dev.sortie.mission.domain.UserKind.HUMAN,
                json(user.getSettings(), "user.settings"),
                passwordHash);
    }

    static Users.Edit toEdit(UpdateUserRequest request) {
        var user = request.getUser();
        var paths = FieldMasks.resolve(request.getUpdateMask(), user);
        var settings = json(user.getSettings(), "user.settings");
        return new Users.Edit(
                ResourceIds.required(user.getUserId(), "user.user_id"),
                user.getEtag(),
                paths.contains("role") || paths.contains("active"),
                present -> edited(present, paths, user, settings));
    }

    private static User.Fields edited(
            User.Fields present, Set<String> paths, dev.sortie.mission.v1.User user, String settings) {
        var role = toRole(user.getRole());
        return new User.Fields(
                paths.contains("email") ? user.getEmail() : present.email(),
                paths.contains("full_name") ? user.getFullName() : present.fullName(),
                paths.contains("settings") ? settings : present.settings(),
                paths.contains("role") && role != null ? role : present.role(),
                paths.contains("active") ? user.getActive() : present.active());
    }

    static UserRemoval.Deletion toDeletion(DeleteUserRequest request) {
        return new UserRemoval.Deletion(uuid(request.getUserId()), request.getEtag());
    }

    static PasswordChanges.Request toPasswordChange(ChangePasswordRequest request, String address) {
        return new PasswordChanges.Request(
                nullableUuid(request.getUserId()), request.getOldPassword(), request.getNewPassword(), address);
    }

    static UserStore.Filter toFilter(ListUsersRequest request) {
        return new UserStore.Filter(
                toRole(request.getRole()),
                switch (request.getKind()) {
                    case USER_KIND_HUMAN -> dev.sortie.mission.domain.UserKind.HUMAN;
                    case USER_KIND_SERVICE -> dev.sortie.mission.domain.UserKind.SERVICE;
                    case USER_KIND_UNSPECIFIED, UNRECOGNIZED -> null;
                },
                request.hasActive() ? request.getActive() : null);
    }

    /** Null for no role in particular. */
    static @Nullable Role toRole(UserRole role) {
        return switch (role) {
            case USER_ROLE_VIEWER -> Role.VIEWER;
            case USER_ROLE_DEVELOPER -> Role.DEVELOPER;
            case USER_ROLE_ADMIN -> Role.ADMIN;
            case USER_ROLE_UNSPECIFIED, UNRECOGNIZED -> null;
        };
    }

    static UserRole toMessage(Role role) {
        return switch (role) {
            case VIEWER -> UserRole.USER_ROLE_VIEWER;
            case DEVELOPER -> UserRole.USER_ROLE_DEVELOPER;
            case ADMIN -> UserRole.USER_ROLE_ADMIN;
        };
    }

    static dev.sortie.mission.v1.User toMessage(User user) {
        var message = dev.sortie.mission.v1.User.newBuilder()
                .setUserId(user.userId().toString())
                .setUsername(user.username())
                .setEmail(user.email())
                .setFullName(user.fullName())
                .setRole(toMessage(user.role()))
                .setKind(
                        switch (user.kind()) {
                            case HUMAN -> UserKind.USER_KIND_HUMAN;
                            case SERVICE -> UserKind.USER_KIND_SERVICE;
                        })
                .setActive(user.active())
                .setVerified(user.verified())
                .setSettings(struct(user.settings()))
                .setRegisterTime(timestamp(user.registerTime()))
                .setCreateTime(timestamp(user.createTime()))
                .setUpdateTime(timestamp(user.updateTime()))
                .setEtag(Long.toString(user.version()));
        if (user.lastLoginTime() != null) {
            message.setLastLoginTime(timestamp(user.lastLoginTime()));
        }
        return message.build();
    }

    static CreateUserResponse toCreateResponse(User user) {
        return CreateUserResponse.newBuilder().setUser(toMessage(user)).build();
    }

    static UpdateUserResponse toUpdateResponse(User user) {
        return UpdateUserResponse.newBuilder().setUser(toMessage(user)).build();
    }

    static DeleteUserResponse toDeleteResponse(User user) {
        return DeleteUserResponse.newBuilder().setUser(toMessage(user)).build();
    }

    static ChangePasswordResponse toChangePasswordResponse(User user) {
        return ChangePasswordResponse.newBuilder().setUser(toMessage(user)).build();
    }

    static GetUserResponse toGetResponse(User user) {
        return GetUserResponse.newBuilder().setUser(toMessage(user)).build();
    }

    static ListUsersResponse toListResponse(Page<User> page) {
        var messages = page.messages(user -> toMessage(user));
        return ListUsersResponse.newBuilder()
                .addAllUsers(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }
}
