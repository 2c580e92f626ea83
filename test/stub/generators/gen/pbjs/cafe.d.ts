import * as $protobuf from "protobufjs/minimal.js";
import Long = require("long");

/** Namespace cafe. */
export namespace cafe {

    /** Namespace v1. */
    namespace v1 {

        /** Represents a Cafe */
        class Cafe extends $protobuf.rpc.Service {

            /**
             * Constructs a new Cafe service.
             * @param rpcImpl RPC implementation
             * @param [requestDelimited=false] Whether requests are length-delimited
             * @param [responseDelimited=false] Whether responses are length-delimited
             */
            constructor(rpcImpl: $protobuf.RPCImpl, requestDelimited?: boolean, responseDelimited?: boolean);

            /**
             * Creates new Cafe service using the specified rpc implementation.
             * @param rpcImpl RPC implementation
             * @param [requestDelimited=false] Whether requests are length-delimited
             * @param [responseDelimited=false] Whether responses are length-delimited
             * @returns RPC service. Useful where requests and/or responses are streamed.
             */
            static create(rpcImpl: $protobuf.RPCImpl, requestDelimited?: boolean, responseDelimited?: boolean): Cafe;

            /** Calls PlaceOrder. */
            placeOrder: cafe.v1.Cafe.PlaceOrder;

            /** Calls ListDishes. */
            listDishes: cafe.v1.Cafe.ListDishes;

            /** Calls CountCoins. */
            countCoins: cafe.v1.Cafe.CountCoins;

            /** Calls SmallTalk. */
            smallTalk: cafe.v1.Cafe.SmallTalk;
        }

        namespace Cafe {

            /**
             * Callback as used by {@link cafe.v1.Cafe#placeOrder}.
             * @param error Error, if any
             * @param [response] Bill
             */
            type PlaceOrderCallback = (error: (Error|null), response?: cafe.v1.Bill) => void;

            /** Calls PlaceOrder. */
            type PlaceOrder = {
              (request: cafe.v1.IOrder, callback: cafe.v1.Cafe.PlaceOrderCallback): void;
              (request: cafe.v1.IOrder): Promise<cafe.v1.Bill>;
              readonly name: "PlaceOrder";
              readonly path: "/cafe.v1.Cafe/PlaceOrder";
              readonly requestType: "Order";
              readonly responseType: "Bill";
              readonly requestStream: undefined;
              readonly responseStream: undefined;
            };

            /**
             * Callback as used by {@link cafe.v1.Cafe#listDishes}.
             * @param error Error, if any
             * @param [response] Dish
             */
            type ListDishesCallback = (error: (Error|null), response?: cafe.v1.Dish) => void;

            /** Calls ListDishes. */
            type ListDishes = {
              (request: cafe.v1.IMenu, callback: cafe.v1.Cafe.ListDishesCallback): void;
              (request: cafe.v1.IMenu): Promise<cafe.v1.Dish>;
              readonly name: "ListDishes";
              readonly path: "/cafe.v1.Cafe/ListDishes";
              readonly requestType: "Menu";
              readonly responseType: "Dish";
              readonly requestStream: undefined;
              readonly responseStream: true;
            };

            /**
             * Callback as used by {@link cafe.v1.Cafe#countCoins}.
             * @param error Error, if any
             * @param [response] Bill
             */
            type CountCoinsCallback = (error: (Error|null), response?: cafe.v1.Bill) => void;

            /** Calls CountCoins. */
            type CountCoins = {
              (request: cafe.v1.ICoin, callback: cafe.v1.Cafe.CountCoinsCallback): void;
              (request: cafe.v1.ICoin): Promise<cafe.v1.Bill>;
              readonly name: "CountCoins";
              readonly path: "/cafe.v1.Cafe/CountCoins";
              readonly requestType: "Coin";
              readonly responseType: "Bill";
              readonly requestStream: true;
              readonly responseStream: undefined;
            };

            /**
             * Callback as used by {@link cafe.v1.Cafe#smallTalk}.
             * @param error Error, if any
             * @param [response] Words
             */
            type SmallTalkCallback = (error: (Error|null), response?: cafe.v1.Words) => void;

            /** Calls SmallTalk. */
            type SmallTalk = {
              (request: cafe.v1.IWords, callback: cafe.v1.Cafe.SmallTalkCallback): void;
              (request: cafe.v1.IWords): Promise<cafe.v1.Words>;
              readonly name: "SmallTalk";
              readonly path: "/cafe.v1.Cafe/SmallTalk";
              readonly requestType: "Words";
              readonly responseType: "Words";
              readonly requestStream: true;
              readonly responseStream: true;
            };
        }

        /**
         * Properties of an Order.
         * @deprecated Use cafe.v1.Order.$Properties instead.
         */
        interface IOrder extends cafe.v1.Order.$Properties {
        }

        /** Represents an Order. */
        class Order {

            /**
             * Constructs a new Order.
             * @param [properties] Properties to set
             */
            constructor(properties?: cafe.v1.Order.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Order lines. */
            lines: cafe.v1.Order.Line.$Properties[];

            /** Order table. */
            table: number;

            /**
             * Creates a new Order instance using the specified properties.
             * @param [properties] Properties to set
             * @returns Order instance
             */
            static create(properties: cafe.v1.Order.$Shape): cafe.v1.Order & cafe.v1.Order.$Shape;
            static create(properties?: cafe.v1.Order.$Properties): cafe.v1.Order;

            /**
             * Encodes the specified Order message. Does not implicitly {@link cafe.v1.Order.verify|verify} messages.
             * @param message Order message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: cafe.v1.Order.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Encodes the specified Order message, length delimited. Does not implicitly {@link cafe.v1.Order.verify|verify} messages.
             * @param message Order message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encodeDelimited(message: cafe.v1.Order.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Order message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {cafe.v1.Order & cafe.v1.Order.$Shape} Order
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Order & cafe.v1.Order.$Shape;

            /**
             * Decodes an Order message from the specified reader or buffer, length delimited.
             * @param reader Reader or buffer to decode from
             * @returns {cafe.v1.Order & cafe.v1.Order.$Shape} Order
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Order & cafe.v1.Order.$Shape;

            /**
             * Verifies an Order message.
             * @param message Plain object to verify
             * @returns `null` if valid, otherwise the reason why it is not
             */
            static verify(message: { [k: string]: any }): (string|null);

            /**
             * Creates an Order message from a plain object. Also converts values to their respective internal types.
             * @param object Plain object
             * @returns Order
             */
            static fromObject(object: { [k: string]: any }): cafe.v1.Order;

            /**
             * Creates a plain object from an Order message. Also converts values to other types if specified.
             * @param message Order
             * @param [options] Conversion options
             * @returns Plain object
             */
            static toObject(message: cafe.v1.Order, options?: $protobuf.IConversionOptions): { [k: string]: any };

            /**
             * Converts this Order to JSON.
             * @returns JSON object
             */
            toJSON(): { [k: string]: any };

            /**
             * Gets the type url for Order
             * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns The type url
             */
            static getTypeUrl(prefix?: string): string;
        }

        namespace Order {

            /** Properties of an Order. */
            interface $Properties {

                /** Order lines */
                lines?: (cafe.v1.Order.Line.$Properties[]|null);

                /** Order table */
                table?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Order. */
            type $Shape = cafe.v1.Order.$Properties;

            /**
             * Properties of a Line.
             * @deprecated Use cafe.v1.Order.Line.$Properties instead.
             */
            interface ILine extends cafe.v1.Order.Line.$Properties {
            }

            /** Represents a Line. */
            class Line {

                /**
                 * Constructs a new Line.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: cafe.v1.Order.Line.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Line dishName. */
                dishName: string;

                /** Line count. */
                count: number;

                /**
                 * Creates a new Line instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Line instance
                 */
                static create(properties: cafe.v1.Order.Line.$Shape): cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape;
                static create(properties?: cafe.v1.Order.Line.$Properties): cafe.v1.Order.Line;

                /**
                 * Encodes the specified Line message. Does not implicitly {@link cafe.v1.Order.Line.verify|verify} messages.
                 * @param message Line message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: cafe.v1.Order.Line.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Encodes the specified Line message, length delimited. Does not implicitly {@link cafe.v1.Order.Line.verify|verify} messages.
                 * @param message Line message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encodeDelimited(message: cafe.v1.Order.Line.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Line message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape} Line
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape;

                /**
                 * Decodes a Line message from the specified reader or buffer, length delimited.
                 * @param reader Reader or buffer to decode from
                 * @returns {cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape} Line
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape;

                /**
                 * Verifies a Line message.
                 * @param message Plain object to verify
                 * @returns `null` if valid, otherwise the reason why it is not
                 */
                static verify(message: { [k: string]: any }): (string|null);

                /**
                 * Creates a Line message from a plain object. Also converts values to their respective internal types.
                 * @param object Plain object
                 * @returns Line
                 */
                static fromObject(object: { [k: string]: any }): cafe.v1.Order.Line;

                /**
                 * Creates a plain object from a Line message. Also converts values to other types if specified.
                 * @param message Line
                 * @param [options] Conversion options
                 * @returns Plain object
                 */
                static toObject(message: cafe.v1.Order.Line, options?: $protobuf.IConversionOptions): { [k: string]: any };

                /**
                 * Converts this Line to JSON.
                 * @returns JSON object
                 */
                toJSON(): { [k: string]: any };

                /**
                 * Gets the type url for Line
                 * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                 * @returns The type url
                 */
                static getTypeUrl(prefix?: string): string;
            }

            namespace Line {

                /** Properties of a Line. */
                interface $Properties {

                    /** Line dishName */
                    dishName?: (string|null);

                    /** Line count */
                    count?: (number|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Line. */
                type $Shape = cafe.v1.Order.Line.$Properties;
            }
        }

        /**
         * Properties of a Bill.
         * @deprecated Use cafe.v1.Bill.$Properties instead.
         */
        interface IBill extends cafe.v1.Bill.$Properties {
        }

        /** Represents a Bill. */
        class Bill {

            /**
             * Constructs a new Bill.
             * @param [properties] Properties to set
             */
            constructor(properties?: cafe.v1.Bill.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Bill total. */
            total: number;

            /** Bill items. */
            items: string[];

            /**
             * Creates a new Bill instance using the specified properties.
             * @param [properties] Properties to set
             * @returns Bill instance
             */
            static create(properties: cafe.v1.Bill.$Shape): cafe.v1.Bill & cafe.v1.Bill.$Shape;
            static create(properties?: cafe.v1.Bill.$Properties): cafe.v1.Bill;

            /**
             * Encodes the specified Bill message. Does not implicitly {@link cafe.v1.Bill.verify|verify} messages.
             * @param message Bill message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: cafe.v1.Bill.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Encodes the specified Bill message, length delimited. Does not implicitly {@link cafe.v1.Bill.verify|verify} messages.
             * @param message Bill message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encodeDelimited(message: cafe.v1.Bill.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Bill message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {cafe.v1.Bill & cafe.v1.Bill.$Shape} Bill
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Bill & cafe.v1.Bill.$Shape;

            /**
             * Decodes a Bill message from the specified reader or buffer, length delimited.
             * @param reader Reader or buffer to decode from
             * @returns {cafe.v1.Bill & cafe.v1.Bill.$Shape} Bill
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Bill & cafe.v1.Bill.$Shape;

            /**
             * Verifies a Bill message.
             * @param message Plain object to verify
             * @returns `null` if valid, otherwise the reason why it is not
             */
            static verify(message: { [k: string]: any }): (string|null);

            /**
             * Creates a Bill message from a plain object. Also converts values to their respective internal types.
             * @param object Plain object
             * @returns Bill
             */
            static fromObject(object: { [k: string]: any }): cafe.v1.Bill;

            /**
             * Creates a plain object from a Bill message. Also converts values to other types if specified.
             * @param message Bill
             * @param [options] Conversion options
             * @returns Plain object
             */
            static toObject(message: cafe.v1.Bill, options?: $protobuf.IConversionOptions): { [k: string]: any };

            /**
             * Converts this Bill to JSON.
             * @returns JSON object
             */
            toJSON(): { [k: string]: any };

            /**
             * Gets the type url for Bill
             * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns The type url
             */
            static getTypeUrl(prefix?: string): string;
        }

        namespace Bill {

            /** Properties of a Bill. */
            interface $Properties {

                /** Bill total */
                total?: (number|null);

                /** Bill items */
                items?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Bill. */
            type $Shape = cafe.v1.Bill.$Properties;
        }

        /**
         * Properties of a Menu.
         * @deprecated Use cafe.v1.Menu.$Properties instead.
         */
        interface IMenu extends cafe.v1.Menu.$Properties {
        }

        /** Represents a Menu. */
        class Menu {

            /**
             * Constructs a new Menu.
             * @param [properties] Properties to set
             */
            constructor(properties?: cafe.v1.Menu.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Menu section. */
            section: string;

            /**
             * Creates a new Menu instance using the specified properties.
             * @param [properties] Properties to set
             * @returns Menu instance
             */
            static create(properties: cafe.v1.Menu.$Shape): cafe.v1.Menu & cafe.v1.Menu.$Shape;
            static create(properties?: cafe.v1.Menu.$Properties): cafe.v1.Menu;

            /**
             * Encodes the specified Menu message. Does not implicitly {@link cafe.v1.Menu.verify|verify} messages.
             * @param message Menu message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: cafe.v1.Menu.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Encodes the specified Menu message, length delimited. Does not implicitly {@link cafe.v1.Menu.verify|verify} messages.
             * @param message Menu message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encodeDelimited(message: cafe.v1.Menu.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Menu message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {cafe.v1.Menu & cafe.v1.Menu.$Shape} Menu
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Menu & cafe.v1.Menu.$Shape;

            /**
             * Decodes a Menu message from the specified reader or buffer, length delimited.
             * @param reader Reader or buffer to decode from
             * @returns {cafe.v1.Menu & cafe.v1.Menu.$Shape} Menu
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Menu & cafe.v1.Menu.$Shape;

            /**
             * Verifies a Menu message.
             * @param message Plain object to verify
             * @returns `null` if valid, otherwise the reason why it is not
             */
            static verify(message: { [k: string]: any }): (string|null);

            /**
             * Creates a Menu message from a plain object. Also converts values to their respective internal types.
             * @param object Plain object
             * @returns Menu
             */
            static fromObject(object: { [k: string]: any }): cafe.v1.Menu;

            /**
             * Creates a plain object from a Menu message. Also converts values to other types if specified.
             * @param message Menu
             * @param [options] Conversion options
             * @returns Plain object
             */
            static toObject(message: cafe.v1.Menu, options?: $protobuf.IConversionOptions): { [k: string]: any };

            /**
             * Converts this Menu to JSON.
             * @returns JSON object
             */
            toJSON(): { [k: string]: any };

            /**
             * Gets the type url for Menu
             * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns The type url
             */
            static getTypeUrl(prefix?: string): string;
        }

        namespace Menu {

            /** Properties of a Menu. */
            interface $Properties {

                /** Menu section */
                section?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Menu. */
            type $Shape = cafe.v1.Menu.$Properties;
        }

        /**
         * Properties of a Dish.
         * @deprecated Use cafe.v1.Dish.$Properties instead.
         */
        interface IDish extends cafe.v1.Dish.$Properties {
        }

        /** Represents a Dish. */
        class Dish {

            /**
             * Constructs a new Dish.
             * @param [properties] Properties to set
             */
            constructor(properties?: cafe.v1.Dish.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Dish name. */
            name: string;

            /** Dish price. */
            price: number;

            /**
             * Creates a new Dish instance using the specified properties.
             * @param [properties] Properties to set
             * @returns Dish instance
             */
            static create(properties: cafe.v1.Dish.$Shape): cafe.v1.Dish & cafe.v1.Dish.$Shape;
            static create(properties?: cafe.v1.Dish.$Properties): cafe.v1.Dish;

            /**
             * Encodes the specified Dish message. Does not implicitly {@link cafe.v1.Dish.verify|verify} messages.
             * @param message Dish message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: cafe.v1.Dish.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Encodes the specified Dish message, length delimited. Does not implicitly {@link cafe.v1.Dish.verify|verify} messages.
             * @param message Dish message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encodeDelimited(message: cafe.v1.Dish.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Dish message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {cafe.v1.Dish & cafe.v1.Dish.$Shape} Dish
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Dish & cafe.v1.Dish.$Shape;

            /**
             * Decodes a Dish message from the specified reader or buffer, length delimited.
             * @param reader Reader or buffer to decode from
             * @returns {cafe.v1.Dish & cafe.v1.Dish.$Shape} Dish
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Dish & cafe.v1.Dish.$Shape;

            /**
             * Verifies a Dish message.
             * @param message Plain object to verify
             * @returns `null` if valid, otherwise the reason why it is not
             */
            static verify(message: { [k: string]: any }): (string|null);

            /**
             * Creates a Dish message from a plain object. Also converts values to their respective internal types.
             * @param object Plain object
             * @returns Dish
             */
            static fromObject(object: { [k: string]: any }): cafe.v1.Dish;

            /**
             * Creates a plain object from a Dish message. Also converts values to other types if specified.
             * @param message Dish
             * @param [options] Conversion options
             * @returns Plain object
             */
            static toObject(message: cafe.v1.Dish, options?: $protobuf.IConversionOptions): { [k: string]: any };

            /**
             * Converts this Dish to JSON.
             * @returns JSON object
             */
            toJSON(): { [k: string]: any };

            /**
             * Gets the type url for Dish
             * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns The type url
             */
            static getTypeUrl(prefix?: string): string;
        }

        namespace Dish {

            /** Properties of a Dish. */
            interface $Properties {

                /** Dish name */
                name?: (string|null);

                /** Dish price */
                price?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Dish. */
            type $Shape = cafe.v1.Dish.$Properties;
        }

        /**
         * Properties of a Coin.
         * @deprecated Use cafe.v1.Coin.$Properties instead.
         */
        interface ICoin extends cafe.v1.Coin.$Properties {
        }

        /** Represents a Coin. */
        class Coin {

            /**
             * Constructs a new Coin.
             * @param [properties] Properties to set
             */
            constructor(properties?: cafe.v1.Coin.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Coin cents. */
            cents: number;

            /**
             * Creates a new Coin instance using the specified properties.
             * @param [properties] Properties to set
             * @returns Coin instance
             */
            static create(properties: cafe.v1.Coin.$Shape): cafe.v1.Coin & cafe.v1.Coin.$Shape;
            static create(properties?: cafe.v1.Coin.$Properties): cafe.v1.Coin;

            /**
             * Encodes the specified Coin message. Does not implicitly {@link cafe.v1.Coin.verify|verify} messages.
             * @param message Coin message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: cafe.v1.Coin.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Encodes the specified Coin message, length delimited. Does not implicitly {@link cafe.v1.Coin.verify|verify} messages.
             * @param message Coin message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encodeDelimited(message: cafe.v1.Coin.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Coin message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {cafe.v1.Coin & cafe.v1.Coin.$Shape} Coin
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Coin & cafe.v1.Coin.$Shape;

            /**
             * Decodes a Coin message from the specified reader or buffer, length delimited.
             * @param reader Reader or buffer to decode from
             * @returns {cafe.v1.Coin & cafe.v1.Coin.$Shape} Coin
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Coin & cafe.v1.Coin.$Shape;

            /**
             * Verifies a Coin message.
             * @param message Plain object to verify
             * @returns `null` if valid, otherwise the reason why it is not
             */
            static verify(message: { [k: string]: any }): (string|null);

            /**
             * Creates a Coin message from a plain object. Also converts values to their respective internal types.
             * @param object Plain object
             * @returns Coin
             */
            static fromObject(object: { [k: string]: any }): cafe.v1.Coin;

            /**
             * Creates a plain object from a Coin message. Also converts values to other types if specified.
             * @param message Coin
             * @param [options] Conversion options
             * @returns Plain object
             */
            static toObject(message: cafe.v1.Coin, options?: $protobuf.IConversionOptions): { [k: string]: any };

            /**
             * Converts this Coin to JSON.
             * @returns JSON object
             */
            toJSON(): { [k: string]: any };

            /**
             * Gets the type url for Coin
             * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns The type url
             */
            static getTypeUrl(prefix?: string): string;
        }

        namespace Coin {

            /** Properties of a Coin. */
            interface $Properties {

                /** Coin cents */
                cents?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Coin. */
            type $Shape = cafe.v1.Coin.$Properties;
        }

        /**
         * Properties of a Words.
         * @deprecated Use cafe.v1.Words.$Properties instead.
         */
        interface IWords extends cafe.v1.Words.$Properties {
        }

        /** Represents a Words. */
        class Words {

            /**
             * Constructs a new Words.
             * @param [properties] Properties to set
             */
            constructor(properties?: cafe.v1.Words.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Words text. */
            text: string;

            /**
             * Creates a new Words instance using the specified properties.
             * @param [properties] Properties to set
             * @returns Words instance
             */
            static create(properties: cafe.v1.Words.$Shape): cafe.v1.Words & cafe.v1.Words.$Shape;
            static create(properties?: cafe.v1.Words.$Properties): cafe.v1.Words;

            /**
             * Encodes the specified Words message. Does not implicitly {@link cafe.v1.Words.verify|verify} messages.
             * @param message Words message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: cafe.v1.Words.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Encodes the specified Words message, length delimited. Does not implicitly {@link cafe.v1.Words.verify|verify} messages.
             * @param message Words message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encodeDelimited(message: cafe.v1.Words.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Words message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {cafe.v1.Words & cafe.v1.Words.$Shape} Words
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cafe.v1.Words & cafe.v1.Words.$Shape;

            /**
             * Decodes a Words message from the specified reader or buffer, length delimited.
             * @param reader Reader or buffer to decode from
             * @returns {cafe.v1.Words & cafe.v1.Words.$Shape} Words
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decodeDelimited(reader: ($protobuf.Reader|Uint8Array)): cafe.v1.Words & cafe.v1.Words.$Shape;

            /**
             * Verifies a Words message.
             * @param message Plain object to verify
             * @returns `null` if valid, otherwise the reason why it is not
             */
            static verify(message: { [k: string]: any }): (string|null);

            /**
             * Creates a Words message from a plain object. Also converts values to their respective internal types.
             * @param object Plain object
             * @returns Words
             */
            static fromObject(object: { [k: string]: any }): cafe.v1.Words;

            /**
             * Creates a plain object from a Words message. Also converts values to other types if specified.
             * @param message Words
             * @param [options] Conversion options
             * @returns Plain object
             */
            static toObject(message: cafe.v1.Words, options?: $protobuf.IConversionOptions): { [k: string]: any };

            /**
             * Converts this Words to JSON.
             * @returns JSON object
             */
            toJSON(): { [k: string]: any };

            /**
             * Gets the type url for Words
             * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns The type url
             */
            static getTypeUrl(prefix?: string): string;
        }

        namespace Words {

            /** Properties of a Words. */
            interface $Properties {

                /** Words text */
                text?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Words. */
            type $Shape = cafe.v1.Words.$Properties;
        }
    }
}
