pragma circom 2.1.6;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/eddsaposeidon.circom";
include "circomlib/circuits/poseidon.circom";
include "circomlib/circuits/switcher.circom";

// The signed message starts with this tag (the ASCII bytes "zkpool rollup"),
// so that a signature made for another system is not valid here. A deployment
// whose users share keys with another one takes a tag of its own.
function signingDomain() {
    return 0x7a6b706f6f6c20726f6c6c7570;
}

// The Merkle roots before and after one leaf changes. Both are computed from
// the same siblings and the same index, so nothing else in the tree can change.
template MerkleUpdate(depth) {
    signal input index;
    signal input siblings[depth];
    signal input oldLeaf;
    signal input newLeaf;
    signal output oldRoot;
    signal output newRoot;

    // Decomposing into exactly `depth` bits also refuses an index outside the
    // tree, and makes the path of each index unique.
    signal bits[depth] <== Num2Bits(depth)(index);

    signal oldPath[depth + 1];
    signal newPath[depth + 1];
    signal oldLeft[depth];
    signal oldRight[depth];
    signal newLeft[depth];
    signal newRight[depth];

    oldPath[0] <== oldLeaf;
    newPath[0] <== newLeaf;
    for (var i = 0; i < depth; i++) {
        (oldLeft[i], oldRight[i]) <== Switcher()(bits[i], oldPath[i], siblings[i]);
        (newLeft[i], newRight[i]) <== Switcher()(bits[i], newPath[i], siblings[i]);
        oldPath[i + 1] <== Poseidon(2)([oldLeft[i], oldRight[i]]);
        newPath[i + 1] <== Poseidon(2)([newLeft[i], newRight[i]]);
    }
    oldRoot <== oldPath[depth];
    newRoot <== newPath[depth];
}

// One signed transfer between two accounts that are in the state tree. An
// account's leaf is Poseidon(key x, key y, balance, nonce); an empty leaf is 0,
// which is the hash of no known account, so nobody can spend from it.
template Transfer(depth) {
    signal input root;

    signal input from;
    signal input to;
    signal input amount;
    signal input signatureR[2];
    signal input signatureS;

    signal input senderKey[2];
    signal input senderBalance;
    signal input senderNonce;
    signal input senderSiblings[depth];

    signal input receiverKey[2];
    signal input receiverBalance;
    signal input receiverNonce;
    signal input receiverSiblings[depth];

    signal output hash;
    signal output newRoot;

    // The sender signs all that the transfer decides. The nonce is the one in
    // the sender's leaf, which grows below, so no signature counts twice.
    hash <== Poseidon(5)([signingDomain(), from, to, amount, senderNonce]);

    // circomlib's verifier takes for granted that both points are on the curve,
    // and the security argument of EdDSA holds only there.
    BabyCheck()(senderKey[0], senderKey[1]);
    BabyCheck()(signatureR[0], signatureR[1]);
    EdDSAPoseidonVerifier()(
        enabled <== 1,
        Ax <== senderKey[0],
        Ay <== senderKey[1],
        S <== signatureS,
        R8x <== signatureR[0],
        R8y <== signatureR[1],
        M <== hash
    );

    // The amount and both new balances are 64-bit numbers. An overdraft would
    // make the sender's new balance wrap around the field to a far larger
    // number, a negative amount is itself such a number, and the receiver's
    // balance cannot outgrow what later transfers can range-check.
    signal newSenderBalance <== senderBalance - amount;
    signal newReceiverBalance <== receiverBalance + amount;
    _ <== Num2Bits(64)(amount);
    _ <== Num2Bits(64)(newSenderBalance);
    _ <== Num2Bits(64)(newReceiverBalance);

    // The sender's leaf must be in the current tree with exactly the key,
    // balance and nonce used above. It is replaced by the debited one.
    component sender = MerkleUpdate(depth);
    sender.index <== from;
    sender.siblings <== senderSiblings;
    sender.oldLeaf <== Poseidon(4)([senderKey[0], senderKey[1], senderBalance, senderNonce]);
    sender.newLeaf <== Poseidon(4)([senderKey[0], senderKey[1], newSenderBalance, senderNonce + 1]);
    sender.oldRoot === root;

    // The receiver's leaf must be in the tree that the debit left behind, not in
    // the one before it: otherwise the credit would undo the debit, and a
    // transfer to oneself would create money.
    component receiver = MerkleUpdate(depth);
    receiver.index <== to;
    receiver.siblings <== receiverSiblings;
    receiver.oldLeaf <== Poseidon(4)([receiverKey[0], receiverKey[1], receiverBalance, receiverNonce]);
    receiver.newLeaf <== Poseidon(4)([receiverKey[0], receiverKey[1], newReceiverBalance, receiverNonce]);
    receiver.oldRoot === sender.newRoot;

    newRoot <== receiver.newRoot;
}

// A batch of transfers, each applied to the state that the one before it left.
// Public: the roots before and after, and one hash that fixes every transfer in
// its order, so that a verifier knows what was done from three numbers.
template Rollup(depth, batch) {
    signal input oldRoot;
    signal input newRoot;
    signal input batchHash;

    signal input from[batch];
    signal input to[batch];
    signal input amount[batch];
    signal input signatureR[batch][2];
    signal input signatureS[batch];

    signal input senderKey[batch][2];
    signal input senderBalance[batch];
    signal input senderNonce[batch];
    signal input senderSiblings[batch][depth];

    signal input receiverKey[batch][2];
    signal input receiverBalance[batch];
    signal input receiverNonce[batch];
    signal input receiverSiblings[batch][depth];

    signal roots[batch + 1];
    signal hashes[batch + 1];
    component transfers[batch];

    roots[0] <== oldRoot;
    hashes[0] <== 0;
    for (var i = 0; i < batch; i++) {
        transfers[i] = Transfer(depth);
        transfers[i].root <== roots[i];
        transfers[i].from <== from[i];
        transfers[i].to <== to[i];
        transfers[i].amount <== amount[i];
        transfers[i].signatureR <== signatureR[i];
        transfers[i].signatureS <== signatureS[i];
        transfers[i].senderKey <== senderKey[i];
        transfers[i].senderBalance <== senderBalance[i];
        transfers[i].senderNonce <== senderNonce[i];
        transfers[i].senderSiblings <== senderSiblings[i];
        transfers[i].receiverKey <== receiverKey[i];
        transfers[i].receiverBalance <== receiverBalance[i];
        transfers[i].receiverNonce <== receiverNonce[i];
        transfers[i].receiverSiblings <== receiverSiblings[i];

        roots[i + 1] <== transfers[i].newRoot;
        hashes[i + 1] <== Poseidon(2)([hashes[i], transfers[i].hash]);
    }
    newRoot === roots[batch];
    batchHash === hashes[batch];
}
