package dev.sortie.runtime.identity;

/** Tells the two kinds of tokens apart and has each looked at by the one who knows it. */
public final class TokenAuthenticator implements Authenticator {
    private final Authenticator accessTokens;
    private final Authenticator apiTokens;

    public TokenAuthenticator(Authenticator accessTokens, Authenticator apiTokens) {
        this.accessTokens = accessTokens;
        this.apiTokens = apiTokens;
    }

    @Override
    public Principal authenticate(String token) {
        if (ApiTokens.isWellFormed(token)) {
            return apiTokens.authenticate(token);
        }
        if (JwtAuthenticator.isWellFormed(token)) {
            return accessTokens.authenticate(token);
        }
        throw JwtAuthenticator.invalid();
    }
}
