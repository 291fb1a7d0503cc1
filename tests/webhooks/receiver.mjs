// Receives webhooks and verifies them by the reference library of Standard Webhooks.
//
//   node receiver.mjs FAILURES
//
// Reads the secret from standard input. Writes the port that it listens on, and then one line of JSON
// for each delivery: its id, whether it verifies, whether it still does when a byte is changed, and
// its body. The first FAILURES deliveries are answered with status 503.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

let failures = Number(process.argv[2]);
const say = (line) => process.stdout.write(`${line}\n`);

function verifies(webhook, body, headers) {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function receive(webhook, request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    const { headers } = request;
    const delivery = {
      id: headers["webhook-id"],
      type: headers["content-type"],
      verified: verifies(webhook, body, headers),
      forged: verifies(webhook, `${body} `, headers),
      body: JSON.parse(body),
    };
    say(JSON.stringify(delivery));
    failures -= 1;
    response.writeHead(failures >= 0 ? 503 : 204).end();
  });
}

const secrets = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const server = createServer((request, response) => receive(webhook, request, response));
let webhook;
server.listen(0, "127.0.0.1", async () => {
  say(server.address().port);
  webhook = new Webhook((await secrets.next()).value);
  say("ready");
});
