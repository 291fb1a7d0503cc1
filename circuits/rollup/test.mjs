// What the circuit accepts and refuses. Every bad batch is made consistent in
// all but one respect (roots and hashes are computed as if it were right), so
// that only the constraint under test stands in its way; the name of the
// template that fails says which one it was.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { wtns } from "snarkjs";
import { Account, genesis, MODULUS, Random, toJson } from "./state.mjs";

const DEPTH = 6;
const SUBGROUP_ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041n;
const [ALICE, BOB, CAROL] = [4, 8, 40];
const EMPTY = 5;

const artifact = (name) => fileURLToPath(new URL(`artifacts/${name}`, import.meta.url));

const newState = () => genesis(DEPTH, new Random("zkpool rollup tests"));

async function witness(inputs) {
    const out = { type: "mem" };
    await wtns.calculate(JSON.parse(toJson(inputs)), artifact("rollup_1.wasm"), out);
    return Buffer.from(out.data);
}

async function refused(inputs, ...templates) {
    await assert.rejects(witness(inputs), (error) => {
        const failed = [...error.message.matchAll(/Error in template (\w+?)_\d+ line/g)].map((m) => m[1]);
        assert.deepEqual(failed, templates);
        return true;
    });
}

test("the committed inputs give the committed witnesses, in one chain", async () => {
    let root;
    for (let k = 1; k <= 8; k++) {
        const inputs = JSON.parse(readFileSync(artifact(`batches/${k}.json`)));
        if (root) assert.equal(inputs.oldRoot, root);
        root = inputs.newRoot;
        assert.deepEqual(await witness(inputs), readFileSync(artifact(`batches/${k}.wtns`)));
    }
});

test("all that an account has can be sent", async () => {
    const state = newState();
    const all = state.accounts.get(ALICE).balance;
    await witness(state.batch([(s) => s.signed(ALICE, BOB, all)]));
    assert.equal(state.accounts.get(ALICE).balance, 0n);
});

test("a transfer to oneself changes the nonce only", async () => {
    const state = newState();
    const before = state.accounts.get(ALICE).balance;
    await witness(state.batch([(s) => s.signed(ALICE, ALICE, 100)]));
    assert.equal(state.accounts.get(ALICE).balance, before);
    assert.equal(state.accounts.get(ALICE).nonce, 1n);
});

test("an overdraft is refused", async () => {
    const state = newState();
    const tooMuch = state.accounts.get(ALICE).balance + 1n;
    const inputs = state.batch([(s) => s.signed(ALICE, BOB, tooMuch)]);
    await refused(inputs, "Num2Bits", "Transfer", "Rollup");
});

test("a negative amount is refused", async () => {
    const inputs = newState().batch([(s) => s.signed(ALICE, BOB, MODULUS - 5n)]);
    await refused(inputs, "Num2Bits", "Transfer", "Rollup");
});

test("a receiver's balance over 64 bits is refused", async () => {
    const state = newState();
    state.add(EMPTY, new Account(Buffer.alloc(32, 1), 2n ** 64n - 1n));
    const inputs = state.batch([(s) => s.signed(ALICE, EMPTY, 1)]);
    await refused(inputs, "Num2Bits", "Transfer", "Rollup");
});

test("another account's signature is refused", async () => {
    const state = newState();
    const forge = (s) => {
        const transfer = s.signed(ALICE, BOB, 100);
        return { ...transfer, ...s.accounts.get(BOB).sign(transfer) };
    };
    await refused(state.batch([forge]), "ForceEqualIfEnabled", "EdDSAPoseidonVerifier", "Transfer", "Rollup");
});

for (const [what, change] of [
    ["amount", { amount: 101n }],
    ["receiver", { to: CAROL }],
]) {
    test(`a signature for another ${what} is refused`, async () => {
        const inputs = newState().batch([(s) => ({ ...s.signed(ALICE, BOB, 100), ...change })]);
        await refused(inputs, "ForceEqualIfEnabled", "EdDSAPoseidonVerifier", "Transfer", "Rollup");
    });
}

test("a signature's second form is refused", async () => {
    const inputs = newState().batch([(s) => s.signed(ALICE, BOB, 100)]);
    inputs.signatureS[0] += SUBGROUP_ORDER;
    await refused(inputs, "EdDSAPoseidonVerifier", "Transfer", "Rollup");
});

test("a signature point off the curve is refused", async () => {
    const inputs = newState().batch([(s) => s.signed(ALICE, BOB, 100)]);
    inputs.signatureR[0][0] += 1n;
    await refused(inputs, "BabyCheck", "Transfer", "Rollup");
});

test("a replayed transfer is refused, whichever nonce it claims", async () => {
    const state = newState();
    const signed = state.signed(ALICE, BOB, 100);
    await witness(state.batch([() => signed]));

    const replay = state.batch([() => signed]);
    await refused(replay, "ForceEqualIfEnabled", "EdDSAPoseidonVerifier", "Transfer", "Rollup");

    const stale = { ...replay, senderNonce: [signed.nonce] };
    await refused(stale, "Transfer", "Rollup");
});

test("a wrong old root, new root or batch hash is refused", async () => {
    const inputs = newState().batch([(s) => s.signed(ALICE, BOB, 100)]);
    await witness(inputs);
    await refused({ ...inputs, oldRoot: inputs.oldRoot + 1n }, "Transfer", "Rollup");
    await refused({ ...inputs, newRoot: inputs.newRoot + 1n }, "Rollup");
    await refused({ ...inputs, batchHash: inputs.batchHash + 1n }, "Rollup");
});

// snarkjs keeps a curve's worker threads, and they would keep the process alive.
after(() => globalThis.curve_bn128?.terminate());

// The other tests ask the witness generator. This one asks the constraints
// themselves, which are all that a proof rests on.
test("no public input can be changed in a finished witness", async () => {
    const good = readFileSync(artifact("batches/1.wtns"));
    const quiet = { info() {}, warn() {} };
    const isValid = (data) => wtns.check(artifact("rollup_1.r1cs"), { type: "mem", data }, quiet);
    assert.ok(await isValid(good));
    for (const wire of [1, 2, 3]) {
        const bad = Buffer.from(good);
        // The values follow 76 bytes of headers, 32 bytes to a wire.
        bad[76 + 32 * wire] ^= 1;
        assert.ok(!(await isValid(bad)));
    }
});

test("a receiver proven under the tree before the debit is refused", async () => {
    const state = newState();
    const receiverSiblings = [state.tree.siblings(BOB)];
    const inputs = state.batch([(s) => s.signed(ALICE, BOB, 100)]);
    await refused({ ...inputs, receiverSiblings }, "Transfer", "Rollup");
});

test("a sender or a receiver that is not in the tree is refused", async () => {
    for (const [from, to] of [[EMPTY, BOB], [ALICE, EMPTY]]) {
        const state = newState();
        state.accounts.set(EMPTY, new Account(Buffer.alloc(32, 1), 1000));
        await refused(state.batch([(s) => s.signed(from, to, 100)]), "Transfer", "Rollup");
    }
});

test("an index outside the tree is refused", async () => {
    const state = newState();
    const outside = ALICE + 2 ** DEPTH;
    state.accounts.set(outside, state.accounts.get(ALICE));
    const inputs = state.batch([(s) => s.signed(outside, BOB, 100)]);
    await refused(inputs, "Num2Bits", "MerkleUpdate", "Transfer", "Rollup");
});
