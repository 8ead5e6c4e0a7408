"""PyPI Authlib signs in here and asks by what somebody lets it: discovery, code with PKCE, ID token, refresh, revocation, a backend.

usage: apps.py ORIGIN ADMINISTRATOR CLINICIAN PASSWORD; both have the password; prints a line for each step, as run.mjs does.
"""

import html
import json
import os
import re
import sys
import time
from base64 import b32decode
from urllib.parse import parse_qs, urlsplit

# The server of the tests speaks plain HTTP to this machine.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from fhir.resources.R4B import get_fhir_model_class
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from steps import end, step

ORIGIN, ADMINISTRATOR, CLINICIAN, PASSWORD = sys.argv[1:5]
BASE = f"{ORIGIN}/fhir"
CALLBACK = "http://localhost:9/cb"
SCOPE = "openid fhirUser profile offline_access user/Patient.cruds"


class Person:
    """Somebody at a browser."""

    def __init__(self, name):
        self.http = requests.Session()
        self.http.headers["Origin"] = ORIGIN
        self.sends("/sign-in", {"username": name, "password": PASSWORD})

    def sends(self, path, form, follow=True):
        answer = self.http.post(ORIGIN + path, data=form, allow_redirects=follow)
        assert answer.status_code < 400, f"{path} {answer.status_code} {answer.text}"
        return answer

    def enrols(self):
        """Turns the second factor on, as administrators must."""
        page = self.sends("/account/second-factor/new", {}).text
        secret = re.search(r'class="big-code"[^>]*>([A-Z2-7 ]+)<', page)[1].replace(" ", "")
        key = b32decode(secret + "=" * (-len(secret) % 8))
        totp = TOTP(key, 6, SHA1(), 30, enforce_key_length=False)
        self.sends("/account/second-factor", {"code": totp.generate(int(time.time())).decode()})

    def registers(self, **app):
        """Registers an app; gives what its makers are told."""
        page = self.sends("/admin/apps/new", app).text
        client, secret = re.search(r">(app-[\w-]+)<", page), re.search(r">(mach_s_[\w-]+)<", page)
        return client[1], secret and secret[1]

    def allows(self, url):
        """Says yes on the page of consent; gives where that leads."""
        page = self.http.get(url)
        assert page.status_code == 200, f"{page.status_code} {page.url} {page.text}"
        form = next(f for f in re.findall(r"<form.*?</form>", page.text, re.S) if 'value="allow"' in f)
        fields = {}
        for tag in re.findall(r"<input[^>]*>", form):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name:
                fields[name[1]] = html.unescape(value[1]) if value else ""
        return self.sends("/oauth/authorize", fields, follow=False).headers["Location"]


administrator = Person(ADMINISTRATOR)
administrator.enrols()
doctor = Person(CLINICIAN)
smart = requests.get(f"{BASE}/.well-known/smart-configuration").json()
kept = {}


def asked(session, verifier, nonce):
    """The address of the page of consent, and what comes back from it."""
    url, state = session.create_authorization_url(
        smart["authorization_endpoint"], code_verifier=verifier, aud=BASE, nonce=nonce
    )
    back = doctor.allows(url)
    sent = parse_qs(urlsplit(back).query)
    assert back.startswith(CALLBACK) and sent["state"] == [state] and sent["iss"] == [smart["issuer"]], back
    return back


@step("authlib: discovery names the doors, and both documents agree")
def _():
    openid = requests.get(f"{smart['issuer']}/.well-known/openid-configuration").json()
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"]:
        assert openid[name] == smart[name], name
    assert smart["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-standalone", "client-public", "permission-v2"} <= set(smart["capabilities"])


for proof in ["public", "secret"]:

    @step(f"authlib: an app with proof `{proof}` gets a code with PKCE, tokens, and a patient it makes and reads")
    def _():
        client, secret = administrator.registers(name=f"Authlib {proof}", proof=proof, redirects=CALLBACK, scopes=SCOPE)
        method = "client_secret_basic" if secret else "none"
        session = OAuth2Session(
            client, secret, scope=SCOPE, redirect_uri=CALLBACK, code_challenge_method="S256",
            token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
            token_endpoint=smart["token_endpoint"],
        )
        verifier, nonce = generate_token(48), generate_token()
        back = asked(session, verifier, nonce)
        tokens = session.fetch_token(smart["token_endpoint"], authorization_response=back, code_verifier=verifier)
        assert set(tokens["scope"].split()) == set(SCOPE.split()), tokens["scope"]
        keys = KeySet.import_key_set(requests.get(smart["jwks_uri"]).json())
        claims = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"]).claims
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (smart["issuer"], client, nonce), claims
        made = session.post(f"{BASE}/Patient", json={"resourceType": "Patient", "name": [{"family": proof}]})
        assert made.status_code == 201, made.text
        read = session.get(f"{BASE}/Patient/{made.json()['id']}")
        get_fhir_model_class("Patient").model_validate(read.json())
        assert read.json()["name"][0]["family"] == proof
        assert session.get(f"{BASE}/Observation").status_code == 403, "what was not let"
        kept[proof] = (session, back, verifier, read.url)

    @step(f"authlib: an app with proof `{proof}` refreshes, and a token that was used ends all of it")
    def _():
        session, back, verifier, url = kept[proof]
        old = dict(session.token)
        new = session.refresh_token(smart["token_endpoint"], old["refresh_token"])
        assert new["access_token"] != old["access_token"] and new["refresh_token"] != old["refresh_token"]
        assert session.get(url).status_code == 200
        for token in [old["refresh_token"], new["refresh_token"]]:
            try:
                session.refresh_token(smart["token_endpoint"], token)
                raise AssertionError("a token that came twice is taken")
            except OAuthError as refused:
                assert refused.error == "invalid_grant", refused
        assert requests.get(url, headers={"Authorization": f"Bearer {new['access_token']}"}).status_code == 401

    @step(f"authlib: an app with proof `{proof}` gives its token back")
    def _():
        session, _, _, url = kept[proof]
        verifier = generate_token(48)
        session.token = None
        back = asked(session, verifier, generate_token())
        tokens = session.fetch_token(smart["token_endpoint"], authorization_response=back, code_verifier=verifier)
        if proof == "secret":
            told = session.introspect_token(smart["introspection_endpoint"], token=tokens["access_token"]).json()
            assert told["active"] and told["client_id"] == session.client_id, told
        assert session.revoke_token(smart["revocation_endpoint"], token=tokens["access_token"]).status_code == 200
        assert requests.get(url, headers={"Authorization": f"Bearer {tokens['access_token']}"}).status_code == 401


@step("authlib: a backend proves itself by a key and sees what its scopes open")
def _():
    key = RSAKey.generate_key(2048, {"kid": "k1", "alg": "RS256", "use": "sig"})
    public = KeySet([key]).as_dict(private=False)
    client, _ = administrator.registers(
        name="Authlib backend", proof="key", scopes="system/Patient.rs", keys=json.dumps(public)
    )
    # SMART allows a proof of five minutes, Authlib makes one of an hour unless told.
    claims = {"exp": int(time.time()) + 290}
    proof = PrivateKeyJWT(smart["token_endpoint"], claims, {"kid": "k1"}, alg="RS256")
    session = OAuth2Session(
        client, key.as_pem(private=True), scope="system/Patient.rs", token_endpoint_auth_method=proof
    )
    tokens = session.fetch_token(smart["token_endpoint"], grant_type="client_credentials")
    assert tokens["scope"] == "system/Patient.rs", tokens
    found = session.get(f"{BASE}/Patient?_count=5").json()
    get_fhir_model_class("Bundle").model_validate(found)
    assert found["total"] >= 2, found
    assert session.get(f"{BASE}/Observation").status_code == 403


end()
