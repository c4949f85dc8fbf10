// Random tests: each seed plays another story, and the one that fails is named.
const SEEDS = Number(process.env.SEEDS ?? 60);
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1);

/** @param {(seed: number) => Promise<void>} play */
export async function forEachSeed(play) {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    await play(seed).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
  }
}
