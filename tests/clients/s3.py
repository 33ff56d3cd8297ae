"""An S3 server on a free port of 127.0.0.1, which checks the signature of every request.

It prints its URL. Then it answers each line of its input with one line: `keys` with the keys of all objects, `writes`
with the number of requests that wrote an object, `down` makes every request fail until `up`. It ends when its input
does, which is when the test ends. The first argument is a bucket to create; the second one and the third are the only
credentials that it accepts.
"""

import hashlib
import hmac
import logging
import sys
import threading

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET, KEY, SECRET = sys.argv[1:4]


def refusal(environ):
    """Returns the error code for a request that is not signed with the credentials."""
    scheme, _, fields = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return "AccessDenied"
    fields = dict(it.strip().split("=", 1) for it in fields.split(","))
    key, day, region, service, _ = fields["Credential"].split("/")
    if key != KEY:
        return "InvalidAccessKeyId"
    path, _, query = environ["RAW_URI"].partition("?")
    pairs = sorted(it if "=" in it else it + "=" for it in query.split("&") if it)
    names = fields["SignedHeaders"].split(";")
    variables = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    values = [environ[variables.get(it) or "HTTP_" + it.upper().replace("-", "_")] for it in names]
    headers = "".join(f"{name}:{value.strip()}\n" for name, value in zip(names, values))
    payload = environ["HTTP_X_AMZ_CONTENT_SHA256"]
    canonical = [environ["REQUEST_METHOD"], path, "&".join(pairs), headers, ";".join(names), payload]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join([scheme, environ["HTTP_X_AMZ_DATE"], scope, digest])
    secret = b"AWS4" + SECRET.encode()
    for part in [day, region, service, "aws4_request", text]:
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    return None if hmac.compare_digest(secret.hex(), fields["Signature"]) else "SignatureDoesNotMatch"


class Checked:
    """Lets only requests with a valid signature through."""

    def __init__(self, app):
        self.app = app
        self.is_down = False
        self.writes = 0

    def __call__(self, environ, start_response):
        code = "SlowDown" if self.is_down else refusal(environ)
        if code is None:
            self.writes += environ["REQUEST_METHOD"] == "PUT"
            return self.app(environ, start_response)
        # As the real service does, the error repeats the id of the key.
        body = f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY}</AWSAccessKeyId></Error>".encode()
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status = "503 Slow Down" if self.is_down else "403 Forbidden"
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Checked(DomainDispatcherApplication(create_backend_app))
    # Connections are kept, as the real service does.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )
    client.create_bucket(Bucket=BUCKET)
    print(url, flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command == "keys":
            found = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            print(" ".join(it["Key"] for it in found), flush=True)
        elif command == "writes":
            print(app.writes, flush=True)
        else:
            app.is_down = command == "down"
            print(command, flush=True)


main()
