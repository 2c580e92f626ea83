/**
 * The service of cafe.proto in plain objects: its handlers, and a visit that calls each of its methods. Above: tests of services
 * as generators make them. Whatever the generator, handlers get objects with these fields and may answer with plain ones.
 */
import { assert } from '../../support/suite.ts';

// What arrives may have more than these fields, and null where nothing was sent.
interface Order {
  readonly lines?: readonly Line[] | null;
  readonly table?: number | null;
}
interface Line {
  readonly dishName?: string | null;
  readonly count?: number | null;
}
interface Bill {
  readonly total: number;
  readonly items: readonly string[];
}
interface Menu {
  readonly section?: string | null;
}
interface Dish {
  readonly name: string;
  readonly price: number;
}
interface Coin {
  readonly cents?: number | null;
}
interface Words {
  readonly text?: string | null;
}

/** A client, whatever it was made from. */
export interface CafeLike {
  placeOrder(order: { lines: { dishName: string; count: number }[]; table: number }): Promise<Bill>;
  listDishes(menu: { section: string }): AsyncIterable<Dish>;
  countCoins(coins: Iterable<{ cents: number }>): Promise<Bill>;
  smallTalk(words: Iterable<{ text: string }>): AsyncIterable<Words>;
}

/** The handlers. */
export const CAFE = {
  placeOrder({ lines, table }: Order): { total: number; items: string[] } {
    const items = (lines ?? []).map(({ dishName, count }) => `${count} ${dishName}`);
    return { total: table ?? 0, items };
  },
  *listDishes({ section }: Menu): Generator<{ name: string; price: number }> {
    for (const price of [1, 2]) yield { name: `${section} ${price}`, price };
  },
  async countCoins(coins: AsyncIterable<Coin>): Promise<{ total: number; items: string[] }> {
    let total = 0;
    for await (const { cents } of coins) total += cents ?? 0;
    return { total, items: [] };
  },
  async *smallTalk(words: AsyncIterable<Words>): AsyncGenerator<{ text: string }> {
    for await (const { text } of words) yield { text: `${text}?` };
  },
};

/** Calls each method, and checks what comes back. */
export async function visit(cafe: CafeLike): Promise<void> {
  const bill = await cafe.placeOrder({ lines: [{ dishName: 'soup', count: 2 }], table: 7 });
  assert.equal([bill.total, [...bill.items]], [7, ['2 soup']]);

  const dishes: [string, number][] = [];
  for await (const { name, price } of cafe.listDishes({ section: 'tea' })) dishes.push([name, price]);
  assert.equal(dishes, [
    ['tea 1', 1],
    ['tea 2', 2],
  ]);

  const sum = await cafe.countCoins([{ cents: 50 }, { cents: 20 }]);
  assert.equal([sum.total, [...sum.items]], [70, []]);

  const said: unknown[] = [];
  for await (const { text } of cafe.smallTalk([{ text: 'rain' }, { text: 'wind' }])) said.push(text);
  assert.equal(said, ['rain?', 'wind?']);
}
