// The program of the recording `node`: many short-lived objects, a few that live longer, and a heap that is collected.
const kept = new Map();
for (let n = 0; n < 400000; n++) {
  const item = { n, name: "item " + n, list: [n, n + 1, n + 2] };
  if (n % 10 === 0) kept.set(item.name, item);
  if (n % 50000 === 0) kept.clear();
}
console.log(JSON.stringify([...kept.values()]).length);
