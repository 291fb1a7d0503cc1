pragma circom 2.1.6;

include "circomlib/circuits/sha256/constants.circom";
include "circomlib/circuits/sha256/sigmaplus.circom";
include "circomlib/circuits/sha256/t1.circom";
include "circomlib/circuits/sha256/t2.circom";
include "circomlib/circuits/binsum.circom";

// One round of SHA-256: the eight words of the state, the constant of round `t`, and a word of
// the message's schedule, each as 32 bits.
template Round(t) {
    signal input state[8][32];
    signal input word[32];
    signal output out[8][32];

    component k = K(t);
    component t1 = T1();
    component t2 = T2();
    component e = BinSum(32, 2);
    component a = BinSum(32, 2);
    for (var i = 0; i < 32; i++) {
        t1.h[i] <== state[7][i];
        t1.e[i] <== state[4][i];
        t1.f[i] <== state[5][i];
        t1.g[i] <== state[6][i];
        t1.k[i] <== k.out[i];
        t1.w[i] <== word[i];
        t2.a[i] <== state[0][i];
        t2.b[i] <== state[1][i];
        t2.c[i] <== state[2][i];
    }
    for (var i = 0; i < 32; i++) {
        e.in[0][i] <== state[3][i];
        e.in[1][i] <== t1.out[i];
        a.in[0][i] <== t1.out[i];
        a.in[1][i] <== t2.out[i];
    }
    for (var i = 0; i < 32; i++) {
        out[0][i] <== a.out[i];
        out[4][i] <== e.out[i];
        for (var j = 1; j < 8; j++) {
            if (j != 4) {
                out[j][i] <== state[j - 1][i];
            }
        }
    }
}

// The message's schedule of SHA-256, continued for `words` words from sixteen.
template Schedule(words) {
    signal input message[16][32];
    signal output out[words][32];

    component next[words];
    for (var t = 0; t < words; t++) {
        if (t >= 16) {
            next[t] = SigmaPlus();
        }
        for (var i = 0; i < 32; i++) {
            if (t < 16) {
                out[t][i] <== message[t][i];
            } else {
                next[t].in2[i] <== out[t - 2][i];
                next[t].in7[i] <== out[t - 7][i];
                next[t].in15[i] <== out[t - 15][i];
                next[t].in16[i] <== out[t - 16][i];
            }
        }
        if (t >= 16) {
            for (var i = 0; i < 32; i++) {
                out[t][i] <== next[t].out[i];
            }
        }
    }
}

// Rounds of SHA-256 over a message that the prover knows, more than the standard's 64 where the
// size asks for it, and then a chain of exclusive ors up to an exact number of constraints.
// Almost every value of the witness is a bit.
template Bits(rounds, xors) {
    signal input in[512];
    signal output out;

    component schedule = Schedule(rounds);
    for (var i = 0; i < 512; i++) {
        in[i] * (in[i] - 1) === 0;
        schedule.message[i \ 32][i % 32] <== in[i];
    }

    component initial[8];
    component round[rounds];
    for (var j = 0; j < 8; j++) {
        initial[j] = H(j);
    }
    for (var t = 0; t < rounds; t++) {
        round[t] = Round(t % 64);
        for (var i = 0; i < 32; i++) {
            round[t].word[i] <== schedule.out[t][i];
            for (var j = 0; j < 8; j++) {
                if (t == 0) {
                    round[t].state[j][i] <== initial[j].out[i];
                } else {
                    round[t].state[j][i] <== round[t - 1].out[j][i];
                }
            }
        }
    }

    signal xor[xors + 1];
    xor[0] <== round[rounds - 1].out[0][0];
    for (var i = 0; i < xors; i++) {
        xor[i + 1] <== xor[i] + in[i % 512] - 2 * xor[i] * in[i % 512];
    }

    var packed = xor[xors];
    for (var i = 0; i < 32; i++) {
        packed += round[rounds - 1].out[0][i] * 2 ** (i + 1);
    }
    out <== packed;
}
