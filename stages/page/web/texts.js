// The texts of the scenes, in blocks: two lines a scene, its passage and its details, and a last line with what lost.
function sceneTexts(index) {
  const passages = new Array(index.id.length);
  const names = index.id.map((id, scene) => fold(`${id}\n${index.chapter[scene]}`));
  const folded = new Array(index.id.length).fill(""); // the passages as the search looks at them
  const starts = [0];
  for (const size of index.blocks) starts.push(starts.at(-1) + size);
  const linesOf = async (element) => (await unpack(element)).split("\n");
  const blocks = () => document.querySelectorAll("script.block");

  async function opened(scene) {
    const block = starts.findLastIndex((start) => start <= scene);
    const lines = await linesOf(blocks()[block]);
    const line = 2 * (scene - starts[block]);
    return { passage: JSON.parse(lines[line]), ...JSON.parse(lines[line + 1]), lost: JSON.parse(lines.at(-1)) };
  }

  // Reads block after block and lets the reader in between; `told` hears the share that is read.
  async function read(told) {
    for (const [block, element] of blocks().entries()) {
      const lines = await linesOf(element);
      for (let scene = starts[block]; scene < starts[block + 1]; scene++) {
        passages[scene] = JSON.parse(lines[2 * (scene - starts[block])]);
        folded[scene] = fold(passages[scene]);
      }
      told((block + 1) / index.blocks.length);
      await pause();
    }
  }

  const holds = (scene, word) => names[scene].includes(word) || folded[scene].includes(word);
  return { passages, holds, opened, read };
}
