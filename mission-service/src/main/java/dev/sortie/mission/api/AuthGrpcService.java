package dev.sortie.mission.api;

import dev.sortie.mission.domain.Logins;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.domain.UserTokens;
import dev.sortie.mission.v1.AuthServiceGrpc.AuthServiceImplBase;
import dev.sortie.mission.v1.CreateApiTokenRequest;
import dev.sortie.mission.v1.CreateApiTokenResponse;
import dev.sortie.mission.v1.GetJwksRequest;
import dev.sortie.mission.v1.GetJwksResponse;
import dev.sortie.mission.v1.ListApiTokensRequest;
import dev.sortie.mission.v1.ListApiTokensResponse;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.LoginResponse;
import dev.sortie.mission.v1.RefreshTokenRequest;
import dev.sortie.mission.v1.RefreshTokenResponse;
import dev.sortie.mission.v1.RevokeApiTokenRequest;
import dev.sortie.mission.v1.RevokeApiTokenResponse;
import dev.sortie.mission.v1.WhoAmIRequest;
import dev.sortie.mission.v1.WhoAmIResponse;
import dev.sortie.runtime.grpc.Messages;
import dev.sortie.runtime.grpc.Replies;
import dev.sortie.runtime.paging.PageTokens;
import io.grpc.stub.StreamObserver;

/** {@code sortie.mission.v1.AuthService}. */
public final class AuthGrpcService extends AuthServiceImplBase {
    private final Replies replies;
    private final PageTokens pages;
    private final Logins logins;
    private final UserTokens tokens;
    private final SigningKeys keys;
    private final ClientAddresses addresses;

    public AuthGrpcService(
            Replies replies,
            PageTokens pages,
            Logins logins,
            UserTokens tokens,
            SigningKeys keys,
            ClientAddresses addresses) {
        this.replies = replies;
        this.pages = pages;
        this.logins = logins;
        this.tokens = tokens;
        this.keys = keys;
        this.addresses = addresses;
    }

    /** Not all in one transaction: checking a password takes longer than one should. */
    @Override
    public void login(LoginRequest request, StreamObserver<LoginResponse> observer) {
        replies.call(
                request,
                observer,
                r -> AuthProtos.toAttempt(r, addresses.current()),
                (caller, attempt) -> logins.login(attempt),
                AuthProtos::toLoginResponse);
    }

    /** In a transaction of its own: the end of a login is kept although the call is refused. */
    @Override
    public void refreshToken(RefreshTokenRequest request, StreamObserver<RefreshTokenResponse> observer) {
        replies.call(
                request,
                observer,
                RefreshTokenRequest::getRefreshToken,
                (caller, token) -> logins.refresh(token),
                AuthProtos::toRefreshResponse);
    }

    @Override
    public void createApiToken(CreateApiTokenRequest request, StreamObserver<CreateApiTokenResponse> observer) {
        replies.write(request, observer, AuthProtos::toDraft, tokens::create, AuthProtos::toCreateResponse);
    }

    @Override
    public void listApiTokens(ListApiTokensRequest request, StreamObserver<ListApiTokensResponse> observer) {
        replies.read(
                request,
                observer,
                pages::open,
                (queries, page) -> tokens.list(queries, Messages.nullableUuid(request.getUserId()), page),
                AuthProtos::toListResponse);
    }

    @Override
    public void revokeApiToken(RevokeApiTokenRequest request, StreamObserver<RevokeApiTokenResponse> observer) {
        replies.write(
                request, observer, r -> Messages.uuid(r.getApiTokenId()), tokens::revoke, AuthProtos::toRevokeResponse);
    }

    @Override
    public void getJwks(GetJwksRequest request, StreamObserver<GetJwksResponse> observer) {
        replies.call(request, observer, r -> keys, (caller, all) -> all, AuthProtos::toJwksResponse);
    }

    @Override
    public void whoAmI(WhoAmIRequest request, StreamObserver<WhoAmIResponse> observer) {
        replies.call(request, observer, r -> r, (caller, r) -> caller, AuthProtos::toWhoAmIResponse);
    }
}
