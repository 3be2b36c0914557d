// For tests that need a job in a process of its own, to be killed or kept short of memory:
//   node call.test-runner.mjs sync/job.ts sync '{"url":"..."}'
// prints the output as JSON.
import { createJiti } from "jiti";

const [file, name, input] = process.argv.slice(2);
const module = await createJiti(import.meta.url).import(`./${file}`);
console.log(JSON.stringify(await module[name].call(JSON.parse(input))));
