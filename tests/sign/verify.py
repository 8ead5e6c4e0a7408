"""The second opinion on signatures: PDF by pyHanko, XML by signxml, QR codes by pycose, JWS by cryptography.

    verify.py pdf FILE ROOT.pem        one line per signature; exit code 0 where all are valid, trusted and unmodified
    verify.py ltv FILE ROOT.pem        the same with what the file itself holds (PAdES B-LT), nothing fetched
    verify.py sign IN OUT KEY.pem CERT.pem CHAIN.pem   a further signature, by pyHanko
    verify.py xml FILE CERT.pem        the certificate that must have signed
    verify.py hc1 FILE CERT.pem
    verify.py jws FILE PAYLOAD
"""

import asyncio
import base64
import json
import sys
import zlib


def read(path, mode="rb"):
    with open(path, mode) as f:
        return f.read()


def pdf(path, root, ltv=False):
    from pyhanko.keys import load_cert_from_pemder
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.dss import DocumentSecurityStore
    from pyhanko_certvalidator import ValidationContext

    anchor = load_cert_from_pemder(root)
    good = True
    with open(path, "rb") as f:
        reader = PdfFileReader(f)
        signatures = reader.embedded_signatures
        for signature in signatures:
            if ltv:
                offline = {"trust_roots": [anchor], "allow_fetching": False, "revocation_mode": "hard-fail"}
                context = DocumentSecurityStore.read_dss(reader).as_validation_context(offline)
            else:
                context = ValidationContext(trust_roots=[anchor], allow_fetching=False)
            status = validate_pdf_signature(signature, context, ts_validation_context=context)
            good = good and status.bottom_line
            print(signature.field_name, status.bottom_line, status.coverage.name, status.modification_level.name,
                  status.pkcs7_signature_mechanism, status.summary())
    return good and bool(signatures)


def sign(source, target, key, certificate, chain):
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers

    signer = signers.SimpleSigner.load(key, certificate, ca_chain_files=(chain,))
    with open(source, "rb") as f:
        writer = IncrementalPdfFileWriter(f)
        meta = signers.PdfSignatureMetadata(field_name="Foreign")
        with open(target, "wb") as out:
            signers.sign_pdf(writer, meta, signer=signer, output=out)
    return True


def xml(path, certificate):
    from signxml import XMLVerifier
    from signxml.verifier import SignatureConfiguration

    expect = SignatureConfiguration(location=".//")
    result = XMLVerifier().verify(read(path), x509_cert=read(certificate, "r"), expect_config=expect)
    print(result.signature_xml.tag, len(result.signed_data))
    return True


def public_key(path):
    from cryptography import x509

    return x509.load_pem_x509_certificate(read(path)).public_key()


def hc1(path, certificate):
    import base45
    import cbor2
    from cryptography.hazmat.primitives import serialization
    from pycose.keys import EC2Key
    from pycose.messages import CoseMessage

    text = read(path, "r").strip()
    assert text.startswith("HC1:"), text[:8]
    message = CoseMessage.decode(zlib.decompress(base45.b45decode(text[4:])))
    numbers = public_key(certificate).public_numbers()
    message.key = EC2Key(crv="P_256", x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))
    print(json.dumps(cbor2.loads(message.payload), ensure_ascii=False, default=str))
    return message.verify_signature()


def jws(path, payload):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    def decode(part):
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    header, middle, signature = read(path, "r").strip().split(".")
    assert middle == ""
    fields = json.loads(decode(header))
    assert fields["alg"] == "ES256", fields["alg"]
    key = x509.load_der_x509_certificate(base64.b64decode(fields["x5c"][0])).public_key()
    middle = base64.urlsafe_b64encode(read(payload)).rstrip(b"=").decode()
    raw = decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, f"{header}.{middle}".encode(), ec.ECDSA(hashes.SHA256()))
    return True


COMMANDS = {"pdf": pdf, "ltv": lambda *a: pdf(*a, ltv=True), "sign": sign, "xml": xml, "hc1": hc1, "jws": jws}

if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    try:
        sys.exit(0 if COMMANDS[sys.argv[1]](*sys.argv[2:]) else 1)
    except Exception as e:  # noqa: BLE001 whatever a verifier says is its verdict
        print(f"{type(e).__name__}: {e}")
        sys.exit(1)
