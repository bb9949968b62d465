package dev.sortie.mission.api;

import dev.sortie.mission.domain.PasswordChanges;
import dev.sortie.mission.domain.Passwords;
import dev.sortie.mission.domain.UserDraft;
import dev.sortie.mission.domain.UserRemoval;
import dev.sortie.mission.domain.Users;
import dev.sortie.mission.v1.ChangePasswordRequest;
import dev.sortie.mission.v1.ChangePasswordResponse;
import dev.sortie.mission.v1.CreateUserRequest;
import dev.sortie.mission.v1.CreateUserResponse;
import dev.sortie.mission.v1.DeleteUserRequest;
import dev.sortie.mission.v1.DeleteUserResponse;
import dev.sortie.mission.v1.GetUserRequest;
import dev.sortie.mission.v1.GetUserResponse;
import dev.sortie.mission.v1.ListUsersRequest;
import dev.sortie.mission.v1.ListUsersResponse;
import dev.sortie.mission.v1.UpdateUserRequest;
import dev.sortie.mission.v1.UpdateUserResponse;
import dev.sortie.mission.v1.UserServiceGrpc.UserServiceImplBase;
import dev.sortie.runtime.grpc.CallContext;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import dev.sortie.runtime.sql.Database;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.UserService}. */
public final class UserGrpcService extends UserServiceImplBase {
    private final Database database;
    private final Replies replies;
    private final PageTokens pages;
    private final Users users;
    private final UserRemoval removal;
    private final Passwords passwords;
    private final PasswordChanges passwordChanges;
    private final ClientAddresses addresses;

    public UserGrpcService(
            Database database,
            Replies replies,
            PageTokens pages,
            Users users,
            UserRemoval removal,
            Passwords passwords,
            PasswordChanges passwordChanges,
            ClientAddresses addresses) {
        this.database = database;
        this.replies = replies;
        this.pages = pages;
        this.users = users;
        this.removal = removal;
        this.passwords = passwords;
        this.passwordChanges = passwordChanges;
        this.addresses = addresses;
    }

    @Override
    public void createUser(CreateUserRequest request, StreamObserver<CreateUserResponse> observer) {
        replies.write(request, observer, this::toDraft, users::create, UserProtos::toCreateResponse);
    }

    @Override
    public void getUser(GetUserRequest request, StreamObserver<GetUserResponse> observer) {
        replies.read(request, observer, r -> Messages.uuid(r.getUserId()), users::get, UserProtos::toGetResponse);
    }

    @Override
    public void listUsers(ListUsersRequest request, StreamObserver<ListUsersResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> users.list(queries, UserProtos.toFilter(request), page),
                UserProtos::toListResponse);
    }

    @Override
    public void updateUser(UpdateUserRequest request, StreamObserver<UpdateUserResponse> observer) {
        replies.write(request, observer, UserProtos::toEdit, users::update, UserProtos::toUpdateResponse);
    }

    @Override
    public void deleteUser(DeleteUserRequest request, StreamObserver<DeleteUserResponse> observer) {
        replies.write(request, observer, UserProtos::toDeletion, removal::delete, UserProtos::toDeleteResponse);
    }

    @Override
    public void changePassword(ChangePasswordRequest request, StreamObserver<ChangePasswordResponse> observer) {
        replies.write(request, observer, this::prepare, passwordChanges::change, UserProtos::toChangePasswordResponse);
    }

    private PasswordChanges.Prepared prepare(ChangePasswordRequest request) {
        return passwordChanges.prepare(
                database.queries(CallContext.principal()), UserProtos.toPasswordChange(request, addresses.current()));
    }

    /** Hashes the password here, before the transaction: it takes longer than a transaction should. */
    private UserDraft toDraft(CreateUserRequest request) {
        var password = request.getPassword();
        return UserProtos.toDraft(request, password.isEmpty() ? null : passwords.hash(password));
    }
}
