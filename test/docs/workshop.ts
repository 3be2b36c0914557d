import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Block, ROOT, moduleOf, readPages } from "./pages.ts";

/**
 * A folder in the repository, where packages are found, with every TypeScript block of the pages as a module. Git
 * ignores it.
 */
export class Workshop implements Disposable {
  readonly folder: string;
  readonly blocks: readonly Block[];

  constructor() {
    this.folder = mkdtempSync(join(ROOT, ".docs-test-"));
    // Root's embedded database would have to pass; and jobs read files here.
    chmodSync(this.folder, 0o711);
    this.blocks = readPages().flatMap((page) => page.blocks.filter((b) => b.language === "ts"));
    for (const block of this.blocks) this.#write(moduleOf(block), `${block.text}\nexport {};\n`);
    this.#write("package.json", '{ "type": "module" }\n');
    this.#write("tsconfig.json", JSON.stringify(TSCONFIG));
  }

  /** The place on a page of something that the compiler says about a module. */
  placeOf(module: string, line: number): string {
    const block = this.blocks.find((one) => moduleOf(one) === module);
    return block ? `${block.page}:${block.line + line}` : `${module}:${line}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(file: string, text: string): void {
    const place = join(this.folder, file);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text, { flag: "wx" });
  }
}

const TSCONFIG = {
  extends: "../tsconfig.base.json",
  compilerOptions: {
    noEmit: true,
    declaration: false,
    sourceMap: false,
    rewriteRelativeImportExtensions: false,
    allowImportingTsExtensions: true,
  },
  include: ["**/*.ts"],
};
