//! Where everything is: SMART App Launch 2.2 §conformance, OpenID Connect Discovery 1.0, RFC 8414.

use crate::oauth::Refused;
use crate::{Smart, identity};
use axum::Extension;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Algorithms that an app may prove itself with.
const ALGORITHMS: [&str; 7] = ["RS384", "ES384", "ES256", "RS256", "RS512", "PS256", "PS384"];

fn common(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/oauth/jwks"),
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "userinfo_endpoint": format!("{issuer}/oauth/userinfo"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": [
            "openid", "fhirUser", "profile", "launch", "launch/patient", "offline_access",
            "patient/*.cruds", "user/*.cruds", "system/*.cruds"
        ],
    })
}

/// `GET /fhir/.well-known/smart-configuration`
pub(crate) async fn smart(Extension(smart): Extension<Smart>, headers: HeaderMap) -> Json<Value> {
    let issuer = smart.issuer(&headers);
    let mut all = common(&issuer);
    all["management_endpoint"] = json!(format!("{issuer}/account/apps"));
    all["capabilities"] = json!([
        "launch-ehr",
        "launch-standalone",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "sso-openid-connect",
        "context-banner",
        "context-ehr-patient",
        "context-standalone-patient",
        "permission-offline",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2"
    ]);
    Json(all)
}

/// `GET /.well-known/openid-configuration`
pub(crate) async fn openid(Extension(smart): Extension<Smart>, headers: HeaderMap) -> Json<Value> {
    let mut all = common(&smart.issuer(&headers));
    all["subject_types_supported"] = json!(["public"]);
    all["id_token_signing_alg_values_supported"] = json!(["ES256"]);
    all["claims_supported"] =
        json!(["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "fhirUser"]);
    all["prompt_values_supported"] = json!(["none", "login", "consent"]);
    all["request_parameter_supported"] = json!(false);
    all["request_uri_parameter_supported"] = json!(false);
    Json(all)
}

/// `GET /oauth/jwks`
pub(crate) async fn jwks(Extension(smart): Extension<Smart>) -> Result<Response, Refused> {
    let keys = identity::published(&smart).await?;
    let mut response = Json(json!({ "keys": keys })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}
