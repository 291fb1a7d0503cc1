// The rollup's state outside the circuit: the account tree, and the inputs that
// a batch of transfers gives the circuit.
//
// Nothing here refuses a transfer. An operator may write any inputs, so it is
// the circuit that has to refuse, and the tests make bad batches with this code.

import { createHash } from "node:crypto";
import { buildEddsa, buildPoseidon } from "circomlibjs";

const eddsa = await buildEddsa();
const poseidonHash = await buildPoseidon();
const F = eddsa.F;

export const MODULUS = F.p;
export const SIGNING_DOMAIN = 0x7a6b706f6f6c20726f6c6c7570n;

const mod = (x) => ((x % MODULUS) + MODULUS) % MODULUS;

export const poseidon = (...inputs) => F.toObject(poseidonHash(inputs));

// A byte stream fixed by its seed, so that every build makes the same batches.
export class Random {
    constructor(seed) {
        this.seed = seed;
        this.counter = 0;
    }

    bytes() {
        return createHash("sha256").update(`${this.seed}/${this.counter++}`).digest();
    }

    below(n) {
        return Number(BigInt("0x" + this.bytes().toString("hex")) % BigInt(n));
    }
}

export class Account {
    constructor(secret, balance) {
        this.secret = secret;
        this.key = eddsa.prv2pub(secret).map((x) => F.toObject(x));
        this.balance = BigInt(balance);
        this.nonce = 0n;
    }

    leaf() {
        return poseidon(...this.key, this.balance, this.nonce);
    }

    sign(transfer) {
        const { R8, S } = eddsa.signPoseidon(this.secret, F.e(transferHash(transfer)));
        return { signatureR: R8.map((x) => F.toObject(x)), signatureS: S };
    }
}

export const transferHash = ({ from, to, amount, nonce }) =>
    poseidon(SIGNING_DOMAIN, from, to, amount, nonce);

// A Merkle tree of `depth` levels over leaves that are 0 until set.
class Tree {
    constructor(depth) {
        this.depth = depth;
        this.levels = Array.from({ length: depth + 1 }, () => new Map());
        this.empty = [0n];
        for (let i = 0; i < depth; i++) {
            this.empty.push(poseidon(this.empty[i], this.empty[i]));
        }
    }

    node(level, index) {
        return this.levels[level].get(index) ?? this.empty[level];
    }

    root() {
        return this.node(this.depth, 0);
    }

    siblings(index) {
        return Array.from({ length: this.depth }, (_, i) => this.node(i, (index >> i) ^ 1));
    }

    set(index, leaf) {
        this.levels[0].set(index, leaf);
        for (let i = 1; i <= this.depth; i++) {
            const left = (index >> i) << 1;
            const hash = poseidon(this.node(i - 1, left), this.node(i - 1, left + 1));
            this.levels[i].set(index >> i, hash);
        }
    }
}

export class State {
    constructor(depth) {
        this.tree = new Tree(depth);
        this.accounts = new Map();
    }

    add(index, account) {
        this.accounts.set(index, account);
        this.tree.set(index, account.leaf());
    }

    // A transfer signed by its sender with the nonce that is due.
    signed(from, to, amount) {
        const sender = this.accounts.get(from);
        const transfer = { from, to, amount: BigInt(amount), nonce: sender.nonce };
        return { ...transfer, ...sender.sign(transfer) };
    }

    // Applies the transfer and returns what the circuit needs to follow it.
    apply({ from, to, amount, signatureR, signatureS }) {
        const sender = this.accounts.get(from);
        const senderPart = {
            senderKey: sender.key,
            senderBalance: sender.balance,
            senderNonce: sender.nonce,
            senderSiblings: this.tree.siblings(from),
        };
        const hash = transferHash({ from, to, amount, nonce: sender.nonce });
        sender.balance = mod(sender.balance - amount);
        sender.nonce += 1n;
        this.tree.set(from, sender.leaf());

        const receiver = this.accounts.get(to);
        const receiverPart = {
            receiverKey: receiver.key,
            receiverBalance: receiver.balance,
            receiverNonce: receiver.nonce,
            receiverSiblings: this.tree.siblings(to),
        };
        receiver.balance = mod(receiver.balance + amount);
        this.tree.set(to, receiver.leaf());

        const signed = { from, to, amount, signatureR, signatureS };
        return { hash, inputs: { ...signed, ...senderPart, ...receiverPart } };
    }

    // The circuit's inputs for transfers applied in turn. Each is a function of
    // the state, since a transfer is signed on what the one before it left.
    batch(transfers) {
        const oldRoot = this.tree.root();
        let batchHash = 0n;
        const columns = {};
        for (const transfer of transfers) {
            const { hash, inputs } = this.apply(transfer(this));
            batchHash = poseidon(batchHash, hash);
            for (const [name, value] of Object.entries(inputs)) {
                (columns[name] ??= []).push(value);
            }
        }
        return { oldRoot, newRoot: this.tree.root(), batchHash, ...columns };
    }
}

// Up to 16 funded accounts spread over the tree, fixed by the seed.
export function genesis(depth, random) {
    const state = new State(depth);
    const accounts = Math.min(16, 2 ** depth);
    for (let i = 0; i < accounts; i++) {
        const balance = 1_000_000 + random.below(9_000_000);
        state.add((i * 2 ** depth) / accounts, new Account(random.bytes(), balance));
    }
    return state;
}

// circom takes every number as a decimal string.
export const toJson = (inputs) =>
    JSON.stringify(inputs, (_, x) => (typeof x === "object" ? x : String(x)), 1) + "\n";
