// package: cafe.v1
// file: cafe.proto

/* tslint:disable */
/* eslint-disable */

import * as jspb from "google-protobuf";

export class Order extends jspb.Message { 
    clearLinesList(): void;
    getLinesList(): Array<Order.Line>;
    setLinesList(value: Array<Order.Line>): Order;
    addLines(value?: Order.Line, index?: number): Order.Line;
    getTable(): number;
    setTable(value: number): Order;

    serializeBinary(): Uint8Array;
    toObject(includeInstance?: boolean): Order.AsObject;
    static toObject(includeInstance: boolean, msg: Order): Order.AsObject;
    static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
    static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
    static serializeBinaryToWriter(message: Order, writer: jspb.BinaryWriter): void;
    static deserializeBinary(bytes: Uint8Array): Order;
    static deserializeBinaryFromReader(message: Order, reader: jspb.BinaryReader): Order;
}

export namespace Order {
    export type AsObject = {
        linesList: Array<Order.Line.AsObject>,
        table: number,
    }


    export class Line extends jspb.Message { 
        getDishName(): string;
        setDishName(value: string): Line;
        getCount(): number;
        setCount(value: number): Line;

        serializeBinary(): Uint8Array;
        toObject(includeInstance?: boolean): Line.AsObject;
        static toObject(includeInstance: boolean, msg: Line): Line.AsObject;
        static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
        static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
        static serializeBinaryToWriter(message: Line, writer: jspb.BinaryWriter): void;
        static deserializeBinary(bytes: Uint8Array): Line;
        static deserializeBinaryFromReader(message: Line, reader: jspb.BinaryReader): Line;
    }

    export namespace Line {
        export type AsObject = {
            dishName: string,
            count: number,
        }
    }

}

export class Bill extends jspb.Message { 
    getTotal(): number;
    setTotal(value: number): Bill;
    clearItemsList(): void;
    getItemsList(): Array<string>;
    setItemsList(value: Array<string>): Bill;
    addItems(value: string, index?: number): string;

    serializeBinary(): Uint8Array;
    toObject(includeInstance?: boolean): Bill.AsObject;
    static toObject(includeInstance: boolean, msg: Bill): Bill.AsObject;
    static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
    static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
    static serializeBinaryToWriter(message: Bill, writer: jspb.BinaryWriter): void;
    static deserializeBinary(bytes: Uint8Array): Bill;
    static deserializeBinaryFromReader(message: Bill, reader: jspb.BinaryReader): Bill;
}

export namespace Bill {
    export type AsObject = {
        total: number,
        itemsList: Array<string>,
    }
}

export class Menu extends jspb.Message { 
    getSection(): string;
    setSection(value: string): Menu;

    serializeBinary(): Uint8Array;
    toObject(includeInstance?: boolean): Menu.AsObject;
    static toObject(includeInstance: boolean, msg: Menu): Menu.AsObject;
    static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
    static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
    static serializeBinaryToWriter(message: Menu, writer: jspb.BinaryWriter): void;
    static deserializeBinary(bytes: Uint8Array): Menu;
    static deserializeBinaryFromReader(message: Menu, reader: jspb.BinaryReader): Menu;
}

export namespace Menu {
    export type AsObject = {
        section: string,
    }
}

export class Dish extends jspb.Message { 
    getName(): string;
    setName(value: string): Dish;
    getPrice(): number;
    setPrice(value: number): Dish;

    serializeBinary(): Uint8Array;
    toObject(includeInstance?: boolean): Dish.AsObject;
    static toObject(includeInstance: boolean, msg: Dish): Dish.AsObject;
    static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
    static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
    static serializeBinaryToWriter(message: Dish, writer: jspb.BinaryWriter): void;
    static deserializeBinary(bytes: Uint8Array): Dish;
    static deserializeBinaryFromReader(message: Dish, reader: jspb.BinaryReader): Dish;
}

export namespace Dish {
    export type AsObject = {
        name: string,
        price: number,
    }
}

export class Coin extends jspb.Message { 
    getCents(): number;
    setCents(value: number): Coin;

    serializeBinary(): Uint8Array;
    toObject(includeInstance?: boolean): Coin.AsObject;
    static toObject(includeInstance: boolean, msg: Coin): Coin.AsObject;
    static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
    static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
    static serializeBinaryToWriter(message: Coin, writer: jspb.BinaryWriter): void;
    static deserializeBinary(bytes: Uint8Array): Coin;
    static deserializeBinaryFromReader(message: Coin, reader: jspb.BinaryReader): Coin;
}

export namespace Coin {
    export type AsObject = {
        cents: number,
    }
}

export class Words extends jspb.Message { 
    getText(): string;
    setText(value: string): Words;

    serializeBinary(): Uint8Array;
    toObject(includeInstance?: boolean): Words.AsObject;
    static toObject(includeInstance: boolean, msg: Words): Words.AsObject;
    static extensions: {[key: number]: jspb.ExtensionFieldInfo<jspb.Message>};
    static extensionsBinary: {[key: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message>};
    static serializeBinaryToWriter(message: Words, writer: jspb.BinaryWriter): void;
    static deserializeBinary(bytes: Uint8Array): Words;
    static deserializeBinaryFromReader(message: Words, reader: jspb.BinaryReader): Words;
}

export namespace Words {
    export type AsObject = {
        text: string,
    }
}
