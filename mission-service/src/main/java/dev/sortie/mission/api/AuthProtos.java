package dev.sortie.mission.api;

import static dev.sortie.runtime.grpc.Messages.instant;
import static dev.sortie.runtime.grpc.Messages.nullableUuid;
import static dev.sortie.runtime.grpc.Messages.timestamp;

import dev.sortie.mission.domain.ApiToken;
import dev.sortie.mission.domain.Logins.Attempt;
import dev.sortie.mission.domain.Logins.Login;
import dev.sortie.mission.domain.SigningKeys;
import dev.sortie.mission.domain.TokenScope;
import dev.sortie.mission.domain.UserTokens.Created;
import dev.sortie.mission.domain.UserTokens.Draft;
import dev.sortie.mission.v1.CreateApiTokenRequest;
import dev.sortie.mission.v1.CreateApiTokenResponse;
import dev.sortie.mission.v1.GetJwksResponse;
import dev.sortie.mission.v1.Jwk;
import dev.sortie.mission.v1.ListApiTokensResponse;
import dev.sortie.mission.v1.LoginRequest;
import dev.sortie.mission.v1.LoginResponse;
import dev.sortie.mission.v1.RefreshTokenResponse;
import dev.sortie.mission.v1.RevokeApiTokenResponse;
import dev.sortie.mission.v1.UserKind;
import dev.sortie.mission.v1.WhoAmIResponse;
import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.paging.Page;
import dev.sortie.type.v1.Scope;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Between logins, tokens and keys and their messages. */
final class AuthProtos {
    private static final String SCOPE = "SCOPE_";

    private AuthProtos() {}

    static Attempt toAttempt(LoginRequest request, String address) {
        return new Attempt(request.getUsername(), request.getPassword(), address);
    }

    static LoginResponse toLoginResponse(Login login) {
        return LoginResponse.newBuilder()
                .setUser(UserProtos.toMessage(login.user()))
                .setAccessToken(login.accessToken().token())
                .setExpireTime(timestamp(login.accessToken().expireTime()))
                .setRefreshToken(login.refreshToken().token())
                .setRefreshTokenExpireTime(timestamp(login.refreshToken().expireTime()))
                .build();
    }

    static RefreshTokenResponse toRefreshResponse(Login login) {
        return RefreshTokenResponse.newBuilder()
                .setUser(UserProtos.toMessage(login.user()))
                .setAccessToken(login.accessToken().token())
                .setExpireTime(timestamp(login.accessToken().expireTime()))
                .setRefreshToken(login.refreshToken().token())
                .setRefreshTokenExpireTime(timestamp(login.refreshToken().expireTime()))
                .build();
    }

    static Draft toDraft(CreateApiTokenRequest request) {
        return new Draft(
                nullableUuid(request.getUserId()),
                request.getDisplayName(),
                request.hasExpireTime() ? instant(request.getExpireTime()) : null,
                request.getScopesList().stream()
                        .map(scope -> TokenScope.valueOf(scope.name().substring(SCOPE.length())))
                        .collect(Collectors.toUnmodifiableSet()));
    }

    static CreateApiTokenResponse toCreateResponse(Created created) {
        return CreateApiTokenResponse.newBuilder()
                .setApiToken(toMessage(created.apiToken()))
                .setSecret(created.secret())
                .build();
    }

    static ListApiTokensResponse toListResponse(Page<ApiToken> page) {
        var messages = page.messages(token -> toMessage(token));
        return ListApiTokensResponse.newBuilder()
                .addAllApiTokens(messages.items())
                .setNextPageToken(messages.nextPageToken())
                .build();
    }

    static RevokeApiTokenResponse toRevokeResponse(ApiToken token) {
        return RevokeApiTokenResponse.newBuilder().setApiToken(toMessage(token)).build();
    }

    static GetJwksResponse toJwksResponse(SigningKeys keys) {
        var response = GetJwksResponse.newBuilder();
        for (var key : keys.all()) {
            response.addKeys(Jwk.newBuilder()
                    .setKid(key.keyId())
                    .setKty("OKP")
                    .setCrv("Ed25519")
                    .setX(key.x())
                    .setAlg("EdDSA")
                    .setUse("sig"));
        }
        return response.build();
    }

    static WhoAmIResponse toWhoAmIResponse(Principal caller) {
        var principal = dev.sortie.mission.v1.Principal.newBuilder()
                .setUserId(caller.userId().toString())
                .setUsername(caller.username())
                .setRole(UserProtos.toMessage(caller.role()))
                .addAllScopes(scopes(caller.scopes().stream()))
                .setKind(caller.isService() ? UserKind.USER_KIND_SERVICE : UserKind.USER_KIND_HUMAN);
        if (caller.credentialId() != null) {
            principal.setApiTokenId(caller.credentialId().toString());
        }
        if (!caller.expiresAt().equals(Instant.MAX)) {
            principal.setExpireTime(timestamp(caller.expiresAt()));
        }
        return WhoAmIResponse.newBuilder().setPrincipal(principal).build();
    }

    private static List<Scope> scopes(Stream<String> names) {
        return names.map(name -> Scope.valueOf(SCOPE + name)).sorted().toList();
    }

    private static dev.sortie.mission.v1.ApiToken toMessage(ApiToken token) {
        var message = dev.sortie.mission.v1.ApiToken.newBuilder()
                .setApiTokenId(token.apiTokenId().toString())
                .setUserId(token.userId().toString())
                .setDisplayName(token.displayName())
                .setPrefix(token.prefix())
                .addAllScopes(scopes(token.scopes().stream().map(Enum::name)))
                .setCreateTime(timestamp(token.createTime()));
        if (token.expireTime() != null) {
            message.setExpireTime(timestamp(token.expireTime()));
        }
        if (token.lastUseTime() != null) {
            message.setLastUseTime(timestamp(token.lastUseTime()));
        }
        if (token.revokeTime() != null) {
            message.setRevokeTime(timestamp(token.revokeTime()));
        }
        return message.build();
    }
}
