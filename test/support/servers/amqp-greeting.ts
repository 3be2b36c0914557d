import { connect } from "node:net";

const START = [10, 10];
const TUNE = [10, 30];
const CLOSE = [10, 50];

/**
 * The first words of AMQP 0-9-1, up to the point where the server has accepted the password: the protocol's header,
 * then Start, Start-Ok, Tune. Enough to know that a broker answers and lets us in, without a client library.
 *
 * @returns the name of the method that proved it: `Connection.Tune`
 */
export async function greetAmqp(url: string): Promise<string> {
  const { hostname, port, username, password } = new URL(url);
  return await new Promise((resolve, reject) => {
    const socket = connect(Number(port || 5672), hostname);
    let received = Buffer.alloc(0);
    socket.setTimeout(3000, () => socket.destroy(new Error("no answer in 3 s")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed the connection: wrong user or password?")));
    socket.once("connect", () => socket.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1")));
    socket.on("data", (more) => {
      received = Buffer.concat([received, more]);
      for (let frame = nextFrame(received); frame; frame = nextFrame(received)) {
        received = received.subarray(frame.length);
        if (frame.is(START)) socket.write(startOk(username, password));
        if (frame.is(CLOSE)) socket.destroy(new Error("refused us"));
        if (frame.is(TUNE)) {
          resolve("Connection.Tune");
          socket.destroy();
        }
      }
    });
  });
}

/** A method frame: type 1, channel, size; then class id, method id, arguments; then the end octet. */
function nextFrame(bytes: Buffer) {
  if (bytes.length < 8) return undefined;
  const length = 7 + bytes.readUInt32BE(3) + 1;
  if (bytes.length < length) return undefined;
  return {
    length,
    is: ([classId, methodId]: number[]) =>
      bytes[0] === 1 && bytes.readUInt16BE(7) === classId && bytes.readUInt16BE(9) === methodId,
  };
}

function startOk(username: string, password: string): Buffer {
  const response = `\0${decodeURIComponent(username)}\0${decodeURIComponent(password)}`;
  const method = Buffer.concat([
    Buffer.from([0, 10, 0, 11]),
    Buffer.from([0, 0, 0, 0]), // client properties: an empty table
    Buffer.from([5]),
    Buffer.from("PLAIN"),
    uint32(Buffer.byteLength(response)),
    Buffer.from(response),
    Buffer.from([5]),
    Buffer.from("en_US"),
  ]);
  return Buffer.concat([
    Buffer.from([1, 0, 0]),
    uint32(method.length),
    method,
    Buffer.from([0xce]),
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
