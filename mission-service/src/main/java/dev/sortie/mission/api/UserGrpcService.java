package dev.sortie.mission.api;

import dev.sortie.mission.domain.Passwords;
import dev.sortie.mission.domain.UserDraft;
import dev.sortie.mission.domain.Users;
import dev.sortie.mission.v1.CreateUserRequest;
import dev.sortie.mission.v1.CreateUserResponse;
import dev.sortie.mission.v1.GetUserRequest;
import dev.sortie.mission.v1.GetUserResponse;
import dev.sortie.mission.v1.ListUsersRequest;
import dev.sortie.mission.v1.ListUsersResponse;
import dev.sortie.mission.v1.UserServiceGrpc.UserServiceImplBase;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.UserService}. */
public final class UserGrpcService extends UserServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Users users;
    private final Passwords passwords;

    public UserGrpcService(Replies replies, PageTokens pages, Users users, Passwords passwords) {
        this.replies = replies;
        this.pages = pages;
        this.users = users;
        this.passwords = passwords;
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
                (queries, page) -> users.list(queries, UserProtos.toRole(request.getRole()), page),
                UserProtos::toListResponse);
    }

    /** Hashes the password here, before the transaction: it takes longer than a transaction should. */
    private UserDraft toDraft(CreateUserRequest request) {
        var password = request.getPassword();
        return UserProtos.toDraft(request, password.isEmpty() ? null : passwords.hash(password));
    }
}
