"""The official interop client and server on gRPC's C core, through Python's grpcio.

`peer.py server --port 0` prints `listening on PORT` and ends on SIGTERM. `peer.py client --server_port N --test_case
a,b` prints one line for each case: `PASS name`, `FAIL name: why` or `SKIP name: why`; exit code 0 says that none
failed, 2 that the command line is wrong. The messages come from the .proto files beside this folder, compiled at start.
What grpcio cannot do is in CANNOT. Source: the interoperability test case descriptions of grpc/grpc.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"
GZIP = grpc.Compression.Gzip
NONE = grpc.Compression.NoCompression
CODES = {code.value[0]: code for code in grpc.StatusCode}

CASE_SECONDS = 20
LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"

NEEDS_CLOUD = "needs credentials of a cloud and its test server"
NO_MESSAGE_FLAG = "grpcio has no compression flag for a single message of a client's stream"
CANNOT = {
    "cacheable_unary": "needs a caching proxy before the server, and a client that sends cacheable requests as GET",
    "client_compressed_streaming": NO_MESSAGE_FLAG,
    "client_compressed_streaming_noprobe": NO_MESSAGE_FLAG,
    "compute_engine_creds": NEEDS_CLOUD,
    "compute_engine_channel_credentials": NEEDS_CLOUD,
    "google_default_credentials": NEEDS_CLOUD,
    "jwt_token_creds": NEEDS_CLOUD,
    "oauth2_auth_token": NEEDS_CLOUD,
    "per_rpc_creds": NEEDS_CLOUD,
    "service_account_creds": NEEDS_CLOUD,
}


# ── messages and methods ──


def load_pool():
    """Compiles grpc/testing/test.proto and what it imports."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "descriptors")
        args = ["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={out}", "grpc/testing/test.proto"]
        if protoc.main(args) != 0:
            raise RuntimeError("the .proto files do not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(Path(out).read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    return pool


POOL = load_pool()


def message(name):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"grpc.testing.{name}"))


Empty = message("Empty")
EchoStatus = message("EchoStatus")
Payload = message("Payload")
SimpleRequest = message("SimpleRequest")
SimpleResponse = message("SimpleResponse")
InputRequest = message("StreamingInputCallRequest")
InputResponse = message("StreamingInputCallResponse")
OutputRequest = message("StreamingOutputCallRequest")
OutputResponse = message("StreamingOutputCallResponse")


def zeros(size):
    return Payload(body=bytes(size))


# ── the server ──

SERVER_ID = str(uuid.uuid4())


async def refuse(context, why):
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)


def echo_trailing(context):
    """Sets the trailers that the request asks for."""
    sent = dict(context.invocation_metadata())
    if ECHO_TRAILING in sent:
        context.set_trailing_metadata(((ECHO_TRAILING, sent[ECHO_TRAILING]),))


async def send_headers(context):
    """Sends the headers, with what the request asks for. grpcio announces the compression of a unary call only so."""
    sent = dict(context.invocation_metadata())
    await context.send_initial_metadata(((ECHO_INITIAL, sent[ECHO_INITIAL]),) if ECHO_INITIAL in sent else ())


async def echo_status(context, request):
    if request.HasField("response_status") and request.response_status.code != 0:
        status = request.response_status
        await context.abort(CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)


async def check_payload(context, response_type, sizes):
    if response_type != 0:
        await refuse(context, f"there is no payload type {response_type}")
    for size in sizes:
        if size < 0:
            await refuse(context, f"the size of a response is {size}")


class TestService:
    """grpc.testing.TestService. grpcio does not tell whether a message came compressed, so expect_compressed is ignored."""

    def __init__(self, compress):
        """`compress`: whether responses are compressed of which the request says nothing."""
        self._compress = compress

    def _next_is_compressed(self, context, asker, field):
        """Compresses the next response or does not. The call has gzip from its start on."""
        wanted = getattr(asker, field).value if asker.HasField(field) else self._compress
        if not wanted:
            context.disable_next_message_compression()

    async def EmptyCall(self, request, context):
        return Empty()

    async def UnaryCall(self, request, context):
        echo_trailing(context)
        await echo_status(context, request)
        await check_payload(context, request.response_type, [request.response_size])
        context.set_compression(GZIP)
        await send_headers(context)
        self._next_is_compressed(context, request, "response_compressed")
        server_id = SERVER_ID if request.fill_server_id else ""
        return SimpleResponse(payload=zeros(request.response_size), server_id=server_id)

    async def CacheableUnaryCall(self, request, context):
        await context.send_initial_metadata((("cache-control", "max-age=60, public"),))
        return SimpleResponse(payload=Payload(body=str(time.time_ns()).encode()))

    async def StreamingInputCall(self, requests, context):
        size = 0
        async for request in requests:
            size += len(request.payload.body)
        return InputResponse(aggregated_payload_size=size)

    async def _respond(self, request, context):
        await echo_status(context, request)
        parameters = request.response_parameters
        await check_payload(context, request.response_type, [each.size for each in parameters])
        for each in parameters:
            await asyncio.sleep(each.interval_us / 1e6)
            self._next_is_compressed(context, each, "compressed")
            peer = context.peer().split(":", 1)[1] if each.fill_peer_socket_address.value else ""
            yield OutputResponse(payload=zeros(each.size), peer_socket_address=peer)

    async def StreamingOutputCall(self, request, context):
        context.set_compression(GZIP)
        echo_trailing(context)
        await send_headers(context)
        async for response in self._respond(request, context):
            yield response

    async def FullDuplexCall(self, requests, context):
        context.set_compression(GZIP)
        echo_trailing(context)
        await send_headers(context)
        async for request in requests:
            async for response in self._respond(request, context):
                yield response

    async def HalfDuplexCall(self, requests, context):
        context.set_compression(GZIP)
        echo_trailing(context)
        await send_headers(context)
        for request in [request async for request in requests]:
            async for response in self._respond(request, context):
                yield response


def handler_of(method, function):
    kind = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[(method.client_streaming, method.server_streaming)]
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    return kind(function, request.FromString, response.SerializeToString)


async def serve(flags):
    service = POOL.FindServiceByName("grpc.testing.TestService")
    face = TestService(flags.compression == "gzip")
    handlers = {m.name: handler_of(m, getattr(face, m.name)) for m in service.methods if hasattr(face, m.name)}
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    address = f"{flags.host}:{flags.port}"
    if flags.use_tls:
        pair = (Path(flags.tls_key_file).read_bytes(), Path(flags.tls_cert_file).read_bytes())
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    await server.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print(f"listening on {port}", flush=True)
    await ended.wait()
    await server.stop(grace=2)
    return True


# ── the client ──


class Stub:
    """The methods of both services, over a channel of its own."""

    def __init__(self, flags, compression=None):
        """`compression`: in place of what the flags say."""
        options = []
        if flags.server_host_override:
            name = flags.server_host_override
            options = [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
        if flags.service_config_json:
            options += [("grpc.service_config", flags.service_config_json), ("grpc.service_config_disable_resolution", 1)]
        # A channel's connections are its own.
        options.append(("grpc.use_local_subchannel_pool", 1))
        address = f"{flags.server_host}:{flags.server_port}"
        if compression is None:
            compression = GZIP if flags.compression == "gzip" else NONE
        if flags.use_tls:
            roots = Path(flags.ca_file).read_bytes() if flags.use_test_ca else None
            credentials = grpc.ssl_channel_credentials(roots)
            self.channel = grpc.aio.secure_channel(address, credentials, options, compression)
        else:
            self.channel = grpc.aio.insecure_channel(address, options, compression)
        pairs = [pair.split(":", 1) for pair in flags.additional_metadata.split(";") if pair]
        self._metadata = tuple((key, value) for key, value in pairs)

    def call(self, method, *request, service="TestService", metadata=(), **options):
        method = POOL.FindMethodByName(f"grpc.testing.{service}.{method}")
        kind = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }[(method.client_streaming, method.server_streaming)]
        request_class = message_factory.GetMessageClass(method.input_type)
        response_class = message_factory.GetMessageClass(method.output_type)
        multi = kind(f"/{method.containing_service.full_name}/{method.name}", request_class.SerializeToString, response_class.FromString)
        return multi(*request, metadata=self._metadata + tuple(metadata), **options)


def expect(what, actual, expected):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} in place of {expected!r}")


async def expect_status(call, code, details=None):
    expect("status", await call.code(), code)
    if details is not None:
        expect("status message", await call.details(), details)


def large_request(**fields):
    return SimpleRequest(response_size=LARGE_RESPONSE, payload=zeros(LARGE_REQUEST), **fields)


async def large_unary_call(stub, request, **options):
    response = await stub.call("UnaryCall", request, **options)
    expect("bytes of the response", len(response.payload.body), LARGE_RESPONSE)
    return response


async def read_all(call):
    """What is left of a stream, whatever its status."""
    sizes = []
    try:
        async for response in call:
            sizes.append(len(response.payload.body))
    except grpc.aio.AioRpcError:
        pass
    return sizes


async def read_one(call):
    response = await call.read()
    expect("the stream ended before a response", response is grpc.aio.EOF, False)
    return len(response.payload.body)


def output_request(response_sizes, payload, **fields):
    return OutputRequest(response_parameters=[{"size": size} for size in response_sizes], payload=zeros(payload), **fields)


async def empty_unary(stub, flags):
    expect("response", await stub.call("EmptyCall", Empty()), Empty())


async def large_unary(stub, flags):
    await large_unary_call(stub, large_request())


@contextlib.asynccontextmanager
async def uncompressing(flags):
    """A stub that compresses nothing. A call of a channel that compresses cannot: grpcio takes its NoCompression for nothing."""
    stub = Stub(flags, NONE)
    try:
        yield stub
    finally:
        await stub.channel.close()


async def client_compressed_unary_noprobe(stub, flags):
    await large_unary_call(stub, large_request(expect_compressed={"value": True}), compression=GZIP)
    async with uncompressing(flags) as plain:
        await large_unary_call(plain, large_request(expect_compressed={"value": False}))


async def client_compressed_unary(stub, flags):
    async with uncompressing(flags) as plain:
        probe = plain.call("UnaryCall", large_request(expect_compressed={"value": True}))
        await expect_status(probe, grpc.StatusCode.INVALID_ARGUMENT)
    await client_compressed_unary_noprobe(stub, flags)


async def server_compressed_unary(stub, flags):
    for compressed in (True, False):
        await large_unary_call(stub, large_request(response_compressed={"value": compressed}))


async def client_streaming(stub, flags):
    call = stub.call("StreamingInputCall")
    for size in REQUEST_SIZES:
        await call.write(InputRequest(payload=zeros(size)))
    await call.done_writing()
    expect("aggregated size", (await call).aggregated_payload_size, sum(REQUEST_SIZES))


async def server_streaming(stub, flags):
    call = stub.call("StreamingOutputCall", output_request(RESPONSE_SIZES, 0))
    expect("sizes of responses", await read_all(call), RESPONSE_SIZES)
    await expect_status(call, grpc.StatusCode.OK)


async def server_compressed_streaming(stub, flags):
    parameters = [{"size": 31415, "compressed": {"value": True}}, {"size": 92653, "compressed": {"value": False}}]
    call = stub.call("StreamingOutputCall", OutputRequest(response_parameters=parameters))
    expect("sizes of responses", await read_all(call), [31415, 92653])
    await expect_status(call, grpc.StatusCode.OK)


async def ping_pong(stub, flags):
    call = stub.call("FullDuplexCall")
    for size, payload in zip(RESPONSE_SIZES, REQUEST_SIZES):
        await call.write(output_request([size], payload))
        expect("size of the response", await read_one(call), size)
    await call.done_writing()
    expect("the stream ended", await call.read() is grpc.aio.EOF, True)
    await expect_status(call, grpc.StatusCode.OK)


async def empty_stream(stub, flags):
    call = stub.call("FullDuplexCall")
    await call.done_writing()
    expect("sizes of responses", await read_all(call), [])
    await expect_status(call, grpc.StatusCode.OK)


async def expect_echo(call):
    expect("initial metadata", dict(await call.initial_metadata()).get(ECHO_INITIAL), "test_initial_metadata_value")
    expect("trailing metadata", dict(await call.trailing_metadata()).get(ECHO_TRAILING), b"\xab\xab\xab")
    await expect_status(call, grpc.StatusCode.OK)


async def custom_metadata(stub, flags):
    metadata = ((ECHO_INITIAL, "test_initial_metadata_value"), (ECHO_TRAILING, b"\xab\xab\xab"))
    unary = stub.call("UnaryCall", large_request(), metadata=metadata)
    expect("bytes of the response", len((await unary).payload.body), LARGE_RESPONSE)
    await expect_echo(unary)
    duplex = stub.call("FullDuplexCall", metadata=metadata)
    await duplex.write(output_request([LARGE_RESPONSE], LARGE_REQUEST))
    await duplex.done_writing()
    expect("sizes of responses", await read_all(duplex), [LARGE_RESPONSE])
    await expect_echo(duplex)


async def status_code_and_message(stub, flags):
    status = EchoStatus(code=2, message="test status message")
    await expect_status(stub.call("UnaryCall", SimpleRequest(response_status=status)), CODES[2], status.message)
    duplex = stub.call("FullDuplexCall")
    await duplex.write(OutputRequest(response_status=status))
    await duplex.done_writing()
    expect("sizes of responses", await read_all(duplex), [])
    await expect_status(duplex, CODES[2], status.message)


async def special_status_message(stub, flags):
    text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    call = stub.call("UnaryCall", SimpleRequest(response_status=EchoStatus(code=2, message=text)))
    await expect_status(call, CODES[2], text)


async def unimplemented_method(stub, flags):
    await expect_status(stub.call("UnimplementedCall", Empty()), grpc.StatusCode.UNIMPLEMENTED)


async def unimplemented_service(stub, flags):
    call = stub.call("UnimplementedCall", Empty(), service="UnimplementedService")
    await expect_status(call, grpc.StatusCode.UNIMPLEMENTED)


async def cancel_after_begin(stub, flags):
    call = stub.call("StreamingInputCall")
    call.cancel()
    await expect_status(call, grpc.StatusCode.CANCELLED)


async def cancel_after_first_response(stub, flags):
    call = stub.call("FullDuplexCall")
    await call.write(output_request([31415], 27182))
    expect("size of the response", await read_one(call), 31415)
    call.cancel()
    await expect_status(call, grpc.StatusCode.CANCELLED)


async def timeout_on_sleeping_server(stub, flags):
    # A call whose deadline passes while it starts may end INTERNAL within grpcio's own asyncio layer, whatever the server:
    # about one in fifty, at its own server too.
    for _ in range(5):
        call = stub.call("FullDuplexCall", timeout=0.001)
        try:
            await call.write(output_request([], 27182))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # The deadline passed before the message was written, which the case allows.
        if await call.details() != "Internal error from Core":
            break
    await expect_status(call, grpc.StatusCode.DEADLINE_EXCEEDED)


async def pick_first_unary(stub, flags):
    request = SimpleRequest(response_size=1, payload=zeros(1), fill_server_id=True)
    ids = {(await stub.call("UnaryCall", request)).server_id for _ in range(100)}
    expect("distinct server ids", len(ids), 1)
    expect("the server id is empty", ids == {""}, False)


async def soak(flags, lend):
    """Large unary calls, each bounded in time. `lend` gives the stub of an iteration and whether it is the soak's to close."""
    request = SimpleRequest(response_size=flags.soak_response_size, payload=zeros(flags.soak_request_size))
    ends_at = time.monotonic() + flags.soak_overall_timeout_seconds
    left = list(range(flags.soak_iterations))
    failures = []

    async def iterate():
        stub, own = lend()
        started_at = time.monotonic()
        try:
            response = await stub.call("UnaryCall", request)
            expect("bytes of the response", len(response.payload.body), flags.soak_response_size)
            took_ms = (time.monotonic() - started_at) * 1000
            if took_ms > flags.soak_per_iteration_max_acceptable_latency_ms:
                failures.append(f"took {took_ms:.0f} ms")
        except (grpc.aio.AioRpcError, AssertionError) as error:
            failures.append(one_line(error))
        if own:
            await stub.channel.close()
        await asyncio.sleep(max(0, flags.soak_min_time_ms_between_rpcs / 1000 - (time.monotonic() - started_at)))

    async def work():
        while left and time.monotonic() < ends_at:
            left.pop()
            await iterate()

    await asyncio.gather(*(work() for _ in range(flags.soak_num_threads)))
    expect("iterations that were not done in time", len(left), 0)
    if len(failures) > flags.soak_max_failures:
        raise AssertionError(f"{len(failures)} iterations failed; the last: {failures[-1]}")


async def rpc_soak(stub, flags):
    await soak(flags, lambda: (stub, False))


async def channel_soak(stub, flags):
    await soak(flags, lambda: (Stub(flags), True))


CASES = {
    case.__name__: case
    for case in [
        empty_unary,
        large_unary,
        client_compressed_unary,
        client_compressed_unary_noprobe,
        server_compressed_unary,
        client_streaming,
        server_streaming,
        server_compressed_streaming,
        ping_pong,
        empty_stream,
        custom_metadata,
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        pick_first_unary,
        rpc_soak,
        channel_soak,
    ]
}


def one_line(error):
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name} {error.details()!r}"
    return " ".join(f"{type(error).__name__} {error}".split())


async def run_case(name, flags):
    """Runs one case over a channel of its own. Whether it did not fail."""
    if name in CANNOT:
        print(f"SKIP {name}: {CANNOT[name]}", flush=True)
        return True
    stub = Stub(flags)
    seconds = CASE_SECONDS + (flags.soak_overall_timeout_seconds if "soak" in name else 0)
    try:
        await asyncio.wait_for(CASES[name](stub, flags), seconds)
        print(f"PASS {name}", flush=True)
        return True
    except Exception as error:  # Whatever went wrong, it is this case that failed.
        print(f"FAIL {name}: {one_line(error)}", flush=True)
        return False
    finally:
        await stub.channel.close()


async def run_client(flags):
    return all([await run_case(name, flags) for name in flags.test_case])


# ── the command line ──


def boolean(text):
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"true or false, not {text}")
    return text == "true"


def case_names(text):
    known = [*CASES, *CANNOT]
    names = known if text == "all" else text.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"there is no case {name}")
    return names


def read_flags():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    ends = parser.add_subparsers(dest="end", required=True)
    client = ends.add_parser("client", allow_abbrev=False)
    server = ends.add_parser("server", allow_abbrev=False)
    for end in (client, server):
        end.add_argument("--use_tls", type=boolean, nargs="?", const=True, default=False)
        end.add_argument("--compression", choices=["", "gzip"], default="")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument("--port", type=int, default=0)
    server.add_argument("--tls_cert_file")
    server.add_argument("--tls_key_file")
    client.add_argument("--use_test_ca", type=boolean, nargs="?", const=True, default=False)
    client.add_argument("--server_host", default="localhost")
    client.add_argument("--server_port", type=int, required=True)
    client.add_argument("--test_case", type=case_names, default=["large_unary"])
    names = ["server_host_override", "ca_file", "additional_metadata", "service_config_json"]
    for name in [*names, "default_service_account", "oauth_scope", "service_account_key_file"]:
        client.add_argument(f"--{name}", default="")
    numbers = {
        "iterations": 10,
        "max_failures": 0,
        "per_iteration_max_acceptable_latency_ms": 1000,
        "overall_timeout_seconds": 10,
        "min_time_ms_between_rpcs": 0,
        "request_size": LARGE_REQUEST,
        "response_size": LARGE_RESPONSE,
        "num_threads": 1,
    }
    for name, default in numbers.items():
        client.add_argument(f"--soak_{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = read_flags()
    ok = asyncio.run(serve(arguments) if arguments.end == "server" else run_client(arguments))
    sys.exit(0 if ok else 1)
