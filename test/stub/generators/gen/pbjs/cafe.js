/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

// Common aliases
const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError, $Array = $util.global.Array, $TypeError = $util.global.TypeError, $Number = $util.global.Number, $String = $util.global.String;

// Exported root namespace
const $root = $protobuf.roots["default"] || ($protobuf.roots["default"] = {});

export const cafe = $root.cafe = (() => {

    /**
     * Namespace cafe.
     * @exports cafe
     * @namespace
     */
    const cafe = {};

    cafe.v1 = (function() {

        /**
         * Namespace v1.
         * @memberof cafe
         * @namespace
         */
        const v1 = {};

        v1.Cafe = (function() {

            /**
             * Constructs a new Cafe service.
             * @memberof cafe.v1
             * @classdesc Represents a Cafe
             * @extends $protobuf.rpc.Service
             * @constructor
             * @param {$protobuf.RPCImpl} rpcImpl RPC implementation
             * @param {boolean} [requestDelimited=false] Whether requests are length-delimited
             * @param {boolean} [responseDelimited=false] Whether responses are length-delimited
             */
            const Cafe = function(rpcImpl, requestDelimited, responseDelimited) {
                $protobuf.rpc.Service.call(this, rpcImpl, requestDelimited, responseDelimited);
            };

            $Object.defineProperty(Cafe.prototype = $Object.create($protobuf.rpc.Service.prototype), "constructor", { value: Cafe, writable: true, enumerable: false, configurable: true });

            /**
             * Creates new Cafe service using the specified rpc implementation.
             * @function create
             * @memberof cafe.v1.Cafe
             * @static
             * @param {$protobuf.RPCImpl} rpcImpl RPC implementation
             * @param {boolean} [requestDelimited=false] Whether requests are length-delimited
             * @param {boolean} [responseDelimited=false] Whether responses are length-delimited
             * @returns {Cafe} RPC service. Useful where requests and/or responses are streamed.
             */
            Cafe.create = function(rpcImpl, requestDelimited, responseDelimited) {
                return new this(rpcImpl, requestDelimited, responseDelimited);
            };

            /**
             * Callback as used by {@link cafe.v1.Cafe#placeOrder}.
             * @memberof cafe.v1.Cafe
             * @typedef PlaceOrderCallback
             * @type {function}
             * @param {Error|null} error Error, if any
             * @param {cafe.v1.Bill} [response] Bill
             */

            /**
             * Calls PlaceOrder.
             * @memberof cafe.v1.Cafe
             * @typedef PlaceOrder
             * @type {{
             *   (request: cafe.v1.IOrder, callback: cafe.v1.Cafe.PlaceOrderCallback): void;
             *   (request: cafe.v1.IOrder): Promise<cafe.v1.Bill>;
             *   readonly name: "PlaceOrder";
             *   readonly path: "/cafe.v1.Cafe/PlaceOrder";
             *   readonly requestType: "Order";
             *   readonly responseType: "Bill";
             *   readonly requestStream: undefined;
             *   readonly responseStream: undefined;
             * }}
             */

            /**
             * Calls PlaceOrder.
             * @name cafe.v1.Cafe#placeOrder
             * @type {cafe.v1.Cafe.PlaceOrder}
             */
            $Object.defineProperties(Cafe.prototype.placeOrder = function(request, callback) {
                return $protobuf.rpc.Service.prototype.rpcCall.call(this, Cafe.prototype.placeOrder, $root.cafe.v1.Order, $root.cafe.v1.Bill, request, callback);
            }, {
                name: { value: "PlaceOrder" },
                path: { value: "/cafe.v1.Cafe/PlaceOrder" },
                requestType: { value: "Order" },
                responseType: { value: "Bill" },
                requestStream: { value: $undefined },
                responseStream: { value: $undefined }
            });

            /**
             * Callback as used by {@link cafe.v1.Cafe#listDishes}.
             * @memberof cafe.v1.Cafe
             * @typedef ListDishesCallback
             * @type {function}
             * @param {Error|null} error Error, if any
             * @param {cafe.v1.Dish} [response] Dish
             */

            /**
             * Calls ListDishes.
             * @memberof cafe.v1.Cafe
             * @typedef ListDishes
             * @type {{
             *   (request: cafe.v1.IMenu, callback: cafe.v1.Cafe.ListDishesCallback): void;
             *   (request: cafe.v1.IMenu): Promise<cafe.v1.Dish>;
             *   readonly name: "ListDishes";
             *   readonly path: "/cafe.v1.Cafe/ListDishes";
             *   readonly requestType: "Menu";
             *   readonly responseType: "Dish";
             *   readonly requestStream: undefined;
             *   readonly responseStream: true;
             * }}
             */

            /**
             * Calls ListDishes.
             * @name cafe.v1.Cafe#listDishes
             * @type {cafe.v1.Cafe.ListDishes}
             */
            $Object.defineProperties(Cafe.prototype.listDishes = function(request, callback) {
                return $protobuf.rpc.Service.prototype.rpcCall.call(this, Cafe.prototype.listDishes, $root.cafe.v1.Menu, $root.cafe.v1.Dish, request, callback);
            }, {
                name: { value: "ListDishes" },
                path: { value: "/cafe.v1.Cafe/ListDishes" },
                requestType: { value: "Menu" },
                responseType: { value: "Dish" },
                requestStream: { value: $undefined },
                responseStream: { value: true }
            });

            /**
             * Callback as used by {@link cafe.v1.Cafe#countCoins}.
             * @memberof cafe.v1.Cafe
             * @typedef CountCoinsCallback
             * @type {function}
             * @param {Error|null} error Error, if any
             * @param {cafe.v1.Bill} [response] Bill
             */

            /**
             * Calls CountCoins.
             * @memberof cafe.v1.Cafe
             * @typedef CountCoins
             * @type {{
             *   (request: cafe.v1.ICoin, callback: cafe.v1.Cafe.CountCoinsCallback): void;
             *   (request: cafe.v1.ICoin): Promise<cafe.v1.Bill>;
             *   readonly name: "CountCoins";
             *   readonly path: "/cafe.v1.Cafe/CountCoins";
             *   readonly requestType: "Coin";
             *   readonly responseType: "Bill";
             *   readonly requestStream: true;
             *   readonly responseStream: undefined;
             * }}
             */

            /**
             * Calls CountCoins.
             * @name cafe.v1.Cafe#countCoins
             * @type {cafe.v1.Cafe.CountCoins}
             */
            $Object.defineProperties(Cafe.prototype.countCoins = function(request, callback) {
                return $protobuf.rpc.Service.prototype.rpcCall.call(this, Cafe.prototype.countCoins, $root.cafe.v1.Coin, $root.cafe.v1.Bill, request, callback);
            }, {
                name: { value: "CountCoins" },
                path: { value: "/cafe.v1.Cafe/CountCoins" },
                requestType: { value: "Coin" },
                responseType: { value: "Bill" },
                requestStream: { value: true },
                responseStream: { value: $undefined }
            });

            /**
             * Callback as used by {@link cafe.v1.Cafe#smallTalk}.
             * @memberof cafe.v1.Cafe
             * @typedef SmallTalkCallback
             * @type {function}
             * @param {Error|null} error Error, if any
             * @param {cafe.v1.Words} [response] Words
             */

            /**
             * Calls SmallTalk.
             * @memberof cafe.v1.Cafe
             * @typedef SmallTalk
             * @type {{
             *   (request: cafe.v1.IWords, callback: cafe.v1.Cafe.SmallTalkCallback): void;
             *   (request: cafe.v1.IWords): Promise<cafe.v1.Words>;
             *   readonly name: "SmallTalk";
             *   readonly path: "/cafe.v1.Cafe/SmallTalk";
             *   readonly requestType: "Words";
             *   readonly responseType: "Words";
             *   readonly requestStream: true;
             *   readonly responseStream: true;
             * }}
             */

            /**
             * Calls SmallTalk.
             * @name cafe.v1.Cafe#smallTalk
             * @type {cafe.v1.Cafe.SmallTalk}
             */
            $Object.defineProperties(Cafe.prototype.smallTalk = function(request, callback) {
                return $protobuf.rpc.Service.prototype.rpcCall.call(this, Cafe.prototype.smallTalk, $root.cafe.v1.Words, $root.cafe.v1.Words, request, callback);
            }, {
                name: { value: "SmallTalk" },
                path: { value: "/cafe.v1.Cafe/SmallTalk" },
                requestType: { value: "Words" },
                responseType: { value: "Words" },
                requestStream: { value: true },
                responseStream: { value: true }
            });

            return Cafe;
        })();

        v1.Order = (function() {

            /**
             * Properties of an Order.
             * @typedef {Object} cafe.v1.Order.$Properties
             * @property {Array.<cafe.v1.Order.Line.$Properties>|null} [lines] Order lines
             * @property {number|null} [table] Order table
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of an Order.
             * @memberof cafe.v1
             * @interface IOrder
             * @augments cafe.v1.Order.$Properties
             * @deprecated Use cafe.v1.Order.$Properties instead.
             */

            /**
             * Shape of an Order.
             * @typedef {cafe.v1.Order.$Properties} cafe.v1.Order.$Shape
             */

            /**
             * Constructs a new Order.
             * @memberof cafe.v1
             * @classdesc Represents an Order.
             * @constructor
             * @param {cafe.v1.Order.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Order = function (properties) {
                this.lines = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Order lines.
             * @member {Array.<cafe.v1.Order.Line.$Properties>} lines
             * @memberof cafe.v1.Order
             * @instance
             */
            Order.prototype.lines = $util.emptyArray;

            /**
             * Order table.
             * @member {number} table
             * @memberof cafe.v1.Order
             * @instance
             */
            Order.prototype.table = 0;

            /**
             * Creates a new Order instance using the specified properties.
             * @function create
             * @memberof cafe.v1.Order
             * @static
             * @param {cafe.v1.Order.$Properties=} [properties] Properties to set
             * @returns {cafe.v1.Order} Order instance
             * @type {{
             *   (properties: cafe.v1.Order.$Shape): cafe.v1.Order & cafe.v1.Order.$Shape;
             *   (properties?: cafe.v1.Order.$Properties): cafe.v1.Order;
             * }}
             */
            Order.create = function(properties) {
                return new Order(properties);
            };

            /**
             * Encodes the specified Order message. Does not implicitly {@link cafe.v1.Order.verify|verify} messages.
             * @function encode
             * @memberof cafe.v1.Order
             * @static
             * @param {cafe.v1.Order.$Properties} message Order message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Order.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.lines != null && message.lines.length)
                    for (let i = 0; i < message.lines.length; ++i)
                        $root.cafe.v1.Order.Line.encode(message.lines[i], writer.uint32(/* id 1, wireType 2 =*/10).fork(), _depth + 1).ldelim();
                if (message.table != null && $Object.hasOwnProperty.call(message, "table") && message.table !== 0)
                    writer.uint32(/* id 2, wireType 0 =*/16).int32(message.table);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Encodes the specified Order message, length delimited. Does not implicitly {@link cafe.v1.Order.verify|verify} messages.
             * @function encodeDelimited
             * @memberof cafe.v1.Order
             * @static
             * @param {cafe.v1.Order.$Properties} message Order message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Order.encodeDelimited = function(message, writer) {
                return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
            };

            /**
             * Decodes an Order message from the specified reader or buffer.
             * @function decode
             * @memberof cafe.v1.Order
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {cafe.v1.Order & cafe.v1.Order.$Shape} Order
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Order.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.cafe.v1.Order();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.lines && message.lines.length))
                                message.lines = [];
                            message.lines.push($root.cafe.v1.Order.Line.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.table = value;
                            else
                                delete message.table;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            /**
             * Decodes an Order message from the specified reader or buffer, length delimited.
             * @function decodeDelimited
             * @memberof cafe.v1.Order
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @returns {cafe.v1.Order & cafe.v1.Order.$Shape} Order
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Order.decodeDelimited = function(reader) {
                if (!(reader instanceof $Reader))
                    reader = new $Reader(reader);
                return this.decode(reader, reader.size());
            };

            /**
             * Verifies an Order message.
             * @function verify
             * @memberof cafe.v1.Order
             * @static
             * @param {Object.<string,*>} message Plain object to verify
             * @returns {string|null} `null` if valid, otherwise the reason why it is not
             */
            Order.verify = function (message, _depth) {
                if (typeof message !== "object" || message === null)
                    return "object expected";
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    return "max depth exceeded";
                if (message.lines != null && $Object.hasOwnProperty.call(message, "lines")) {
                    if (!$Array.isArray(message.lines))
                        return "lines: array expected";
                    for (let i = 0; i < message.lines.length; ++i) {
                        let error = $root.cafe.v1.Order.Line.verify(message.lines[i], _depth + 1);
                        if (error)
                            return "lines." + error;
                    }
                }
                if (message.table != null && $Object.hasOwnProperty.call(message, "table"))
                    if (!$util.isInteger(message.table))
                        return "table: integer expected";
                return null;
            };

            /**
             * Creates an Order message from a plain object. Also converts values to their respective internal types.
             * @function fromObject
             * @memberof cafe.v1.Order
             * @static
             * @param {Object.<string,*>} object Plain object
             * @returns {cafe.v1.Order} Order
             */
            Order.fromObject = function (object, _depth) {
                if (object instanceof $root.cafe.v1.Order)
                    return object;
                if (!$util.isObject(object))
                    throw $TypeError(".cafe.v1.Order: object expected");
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let message = new $root.cafe.v1.Order();
                if (object.lines) {
                    if (!$Array.isArray(object.lines))
                        throw $TypeError(".cafe.v1.Order.lines: array expected");
                    message.lines = $Array(object.lines.length);
                    for (let i = 0; i < object.lines.length; ++i) {
                        if (!$util.isObject(object.lines[i]))
                            throw $TypeError(".cafe.v1.Order.lines: object expected");
                        message.lines[i] = $root.cafe.v1.Order.Line.fromObject(object.lines[i], _depth + 1);
                    }
                }
                if (object.table != null)
                    if ($Number(object.table) !== 0)
                        message.table = object.table | 0;
                return message;
            };

            /**
             * Creates a plain object from an Order message. Also converts values to other types if specified.
             * @function toObject
             * @memberof cafe.v1.Order
             * @static
             * @param {cafe.v1.Order} message Order
             * @param {$protobuf.IConversionOptions} [options] Conversion options
             * @returns {Object.<string,*>} Plain object
             */
            Order.toObject = function (message, options, _depth) {
                if (!options)
                    options = {};
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let object = {};
                if (options.arrays || options.defaults)
                    object.lines = [];
                if (options.defaults)
                    object.table = 0;
                if (message.lines && message.lines.length) {
                    object.lines = $Array(message.lines.length);
                    for (let j = 0; j < message.lines.length; ++j)
                        object.lines[j] = $root.cafe.v1.Order.Line.toObject(message.lines[j], options, _depth + 1);
                }
                if (message.table != null && $Object.hasOwnProperty.call(message, "table"))
                    object.table = message.table;
                return object;
            };

            /**
             * Converts this Order to JSON.
             * @function toJSON
             * @memberof cafe.v1.Order
             * @instance
             * @returns {Object.<string,*>} JSON object
             */
            Order.prototype.toJSON = function() {
                return Order.toObject(this, $protobuf.util.toJSONOptions);
            };

            /**
             * Gets the type url for Order
             * @function getTypeUrl
             * @memberof cafe.v1.Order
             * @static
             * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns {string} The type url
             */
            Order.getTypeUrl = function(prefix) {
                if (prefix === $undefined)
                    prefix = "type.googleapis.com";
                return prefix + "/cafe.v1.Order";
            };

            Order.Line = (function() {

                /**
                 * Properties of a Line.
                 * @typedef {Object} cafe.v1.Order.Line.$Properties
                 * @property {string|null} [dishName] Line dishName
                 * @property {number|null} [count] Line count
                 * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
                 */

                /**
                 * Properties of a Line.
                 * @memberof cafe.v1.Order
                 * @interface ILine
                 * @augments cafe.v1.Order.Line.$Properties
                 * @deprecated Use cafe.v1.Order.Line.$Properties instead.
                 */

                /**
                 * Shape of a Line.
                 * @typedef {cafe.v1.Order.Line.$Properties} cafe.v1.Order.Line.$Shape
                 */

                /**
                 * Constructs a new Line.
                 * @memberof cafe.v1.Order
                 * @classdesc Represents a Line.
                 * @constructor
                 * @param {cafe.v1.Order.Line.$Properties=} [properties] Properties to set
                 * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
                 */
                const Line = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                /**
                 * Line dishName.
                 * @member {string} dishName
                 * @memberof cafe.v1.Order.Line
                 * @instance
                 */
                Line.prototype.dishName = "";

                /**
                 * Line count.
                 * @member {number} count
                 * @memberof cafe.v1.Order.Line
                 * @instance
                 */
                Line.prototype.count = 0;

                /**
                 * Creates a new Line instance using the specified properties.
                 * @function create
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {cafe.v1.Order.Line.$Properties=} [properties] Properties to set
                 * @returns {cafe.v1.Order.Line} Line instance
                 * @type {{
                 *   (properties: cafe.v1.Order.Line.$Shape): cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape;
                 *   (properties?: cafe.v1.Order.Line.$Properties): cafe.v1.Order.Line;
                 * }}
                 */
                Line.create = function(properties) {
                    return new Line(properties);
                };

                /**
                 * Encodes the specified Line message. Does not implicitly {@link cafe.v1.Order.Line.verify|verify} messages.
                 * @function encode
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {cafe.v1.Order.Line.$Properties} message Line message or plain object to encode
                 * @param {$protobuf.Writer} [writer] Writer to encode to
                 * @returns {$protobuf.Writer} Writer
                 */
                Line.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.dishName != null && $Object.hasOwnProperty.call(message, "dishName") && message.dishName !== "")
                        writer.uint32(/* id 1, wireType 2 =*/10).string(message.dishName);
                    if (message.count != null && $Object.hasOwnProperty.call(message, "count") && message.count !== 0)
                        writer.uint32(/* id 2, wireType 0 =*/16).int32(message.count);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                /**
                 * Encodes the specified Line message, length delimited. Does not implicitly {@link cafe.v1.Order.Line.verify|verify} messages.
                 * @function encodeDelimited
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {cafe.v1.Order.Line.$Properties} message Line message or plain object to encode
                 * @param {$protobuf.Writer} [writer] Writer to encode to
                 * @returns {$protobuf.Writer} Writer
                 */
                Line.encodeDelimited = function(message, writer) {
                    return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
                };

                /**
                 * Decodes a Line message from the specified reader or buffer.
                 * @function decode
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
                 * @param {number} [length] Message length if known beforehand
                 * @returns {cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape} Line
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                Line.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.cafe.v1.Order.Line();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.dishName = value;
                                else
                                    delete message.dishName;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.int32())
                                    message.count = value;
                                else
                                    delete message.count;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                /**
                 * Decodes a Line message from the specified reader or buffer, length delimited.
                 * @function decodeDelimited
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
                 * @returns {cafe.v1.Order.Line & cafe.v1.Order.Line.$Shape} Line
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                Line.decodeDelimited = function(reader) {
                    if (!(reader instanceof $Reader))
                        reader = new $Reader(reader);
                    return this.decode(reader, reader.size());
                };

                /**
                 * Verifies a Line message.
                 * @function verify
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {Object.<string,*>} message Plain object to verify
                 * @returns {string|null} `null` if valid, otherwise the reason why it is not
                 */
                Line.verify = function (message, _depth) {
                    if (typeof message !== "object" || message === null)
                        return "object expected";
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        return "max depth exceeded";
                    if (message.dishName != null && $Object.hasOwnProperty.call(message, "dishName"))
                        if (!$util.isString(message.dishName))
                            return "dishName: string expected";
                    if (message.count != null && $Object.hasOwnProperty.call(message, "count"))
                        if (!$util.isInteger(message.count))
                            return "count: integer expected";
                    return null;
                };

                /**
                 * Creates a Line message from a plain object. Also converts values to their respective internal types.
                 * @function fromObject
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {Object.<string,*>} object Plain object
                 * @returns {cafe.v1.Order.Line} Line
                 */
                Line.fromObject = function (object, _depth) {
                    if (object instanceof $root.cafe.v1.Order.Line)
                        return object;
                    if (!$util.isObject(object))
                        throw $TypeError(".cafe.v1.Order.Line: object expected");
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    let message = new $root.cafe.v1.Order.Line();
                    if (object.dishName != null)
                        if (typeof object.dishName !== "string" || object.dishName.length)
                            message.dishName = $String(object.dishName);
                    if (object.count != null)
                        if ($Number(object.count) !== 0)
                            message.count = object.count | 0;
                    return message;
                };

                /**
                 * Creates a plain object from a Line message. Also converts values to other types if specified.
                 * @function toObject
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {cafe.v1.Order.Line} message Line
                 * @param {$protobuf.IConversionOptions} [options] Conversion options
                 * @returns {Object.<string,*>} Plain object
                 */
                Line.toObject = function (message, options, _depth) {
                    if (!options)
                        options = {};
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    let object = {};
                    if (options.defaults) {
                        object.dishName = "";
                        object.count = 0;
                    }
                    if (message.dishName != null && $Object.hasOwnProperty.call(message, "dishName"))
                        object.dishName = message.dishName;
                    if (message.count != null && $Object.hasOwnProperty.call(message, "count"))
                        object.count = message.count;
                    return object;
                };

                /**
                 * Converts this Line to JSON.
                 * @function toJSON
                 * @memberof cafe.v1.Order.Line
                 * @instance
                 * @returns {Object.<string,*>} JSON object
                 */
                Line.prototype.toJSON = function() {
                    return Line.toObject(this, $protobuf.util.toJSONOptions);
                };

                /**
                 * Gets the type url for Line
                 * @function getTypeUrl
                 * @memberof cafe.v1.Order.Line
                 * @static
                 * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                 * @returns {string} The type url
                 */
                Line.getTypeUrl = function(prefix) {
                    if (prefix === $undefined)
                        prefix = "type.googleapis.com";
                    return prefix + "/cafe.v1.Order.Line";
                };

                return Line;
            })();

            return Order;
        })();

        v1.Bill = (function() {

            /**
             * Properties of a Bill.
             * @typedef {Object} cafe.v1.Bill.$Properties
             * @property {number|null} [total] Bill total
             * @property {Array.<string>|null} [items] Bill items
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Bill.
             * @memberof cafe.v1
             * @interface IBill
             * @augments cafe.v1.Bill.$Properties
             * @deprecated Use cafe.v1.Bill.$Properties instead.
             */

            /**
             * Shape of a Bill.
             * @typedef {cafe.v1.Bill.$Properties} cafe.v1.Bill.$Shape
             */

            /**
             * Constructs a new Bill.
             * @memberof cafe.v1
             * @classdesc Represents a Bill.
             * @constructor
             * @param {cafe.v1.Bill.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Bill = function (properties) {
                this.items = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Bill total.
             * @member {number} total
             * @memberof cafe.v1.Bill
             * @instance
             */
            Bill.prototype.total = 0;

            /**
             * Bill items.
             * @member {Array.<string>} items
             * @memberof cafe.v1.Bill
             * @instance
             */
            Bill.prototype.items = $util.emptyArray;

            /**
             * Creates a new Bill instance using the specified properties.
             * @function create
             * @memberof cafe.v1.Bill
             * @static
             * @param {cafe.v1.Bill.$Properties=} [properties] Properties to set
             * @returns {cafe.v1.Bill} Bill instance
             * @type {{
             *   (properties: cafe.v1.Bill.$Shape): cafe.v1.Bill & cafe.v1.Bill.$Shape;
             *   (properties?: cafe.v1.Bill.$Properties): cafe.v1.Bill;
             * }}
             */
            Bill.create = function(properties) {
                return new Bill(properties);
            };

            /**
             * Encodes the specified Bill message. Does not implicitly {@link cafe.v1.Bill.verify|verify} messages.
             * @function encode
             * @memberof cafe.v1.Bill
             * @static
             * @param {cafe.v1.Bill.$Properties} message Bill message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Bill.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.total != null && $Object.hasOwnProperty.call(message, "total") && message.total !== 0)
                    writer.uint32(/* id 1, wireType 0 =*/8).int32(message.total);
                if (message.items != null && message.items.length)
                    for (let i = 0; i < message.items.length; ++i)
                        writer.uint32(/* id 2, wireType 2 =*/18).string(message.items[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Encodes the specified Bill message, length delimited. Does not implicitly {@link cafe.v1.Bill.verify|verify} messages.
             * @function encodeDelimited
             * @memberof cafe.v1.Bill
             * @static
             * @param {cafe.v1.Bill.$Properties} message Bill message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Bill.encodeDelimited = function(message, writer) {
                return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
            };

            /**
             * Decodes a Bill message from the specified reader or buffer.
             * @function decode
             * @memberof cafe.v1.Bill
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {cafe.v1.Bill & cafe.v1.Bill.$Shape} Bill
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Bill.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.cafe.v1.Bill();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.total = value;
                            else
                                delete message.total;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if (!(message.items && message.items.length))
                                message.items = [];
                            message.items.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            /**
             * Decodes a Bill message from the specified reader or buffer, length delimited.
             * @function decodeDelimited
             * @memberof cafe.v1.Bill
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @returns {cafe.v1.Bill & cafe.v1.Bill.$Shape} Bill
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Bill.decodeDelimited = function(reader) {
                if (!(reader instanceof $Reader))
                    reader = new $Reader(reader);
                return this.decode(reader, reader.size());
            };

            /**
             * Verifies a Bill message.
             * @function verify
             * @memberof cafe.v1.Bill
             * @static
             * @param {Object.<string,*>} message Plain object to verify
             * @returns {string|null} `null` if valid, otherwise the reason why it is not
             */
            Bill.verify = function (message, _depth) {
                if (typeof message !== "object" || message === null)
                    return "object expected";
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    return "max depth exceeded";
                if (message.total != null && $Object.hasOwnProperty.call(message, "total"))
                    if (!$util.isInteger(message.total))
                        return "total: integer expected";
                if (message.items != null && $Object.hasOwnProperty.call(message, "items")) {
                    if (!$Array.isArray(message.items))
                        return "items: array expected";
                    for (let i = 0; i < message.items.length; ++i)
                        if (!$util.isString(message.items[i]))
                            return "items: string[] expected";
                }
                return null;
            };

            /**
             * Creates a Bill message from a plain object. Also converts values to their respective internal types.
             * @function fromObject
             * @memberof cafe.v1.Bill
             * @static
             * @param {Object.<string,*>} object Plain object
             * @returns {cafe.v1.Bill} Bill
             */
            Bill.fromObject = function (object, _depth) {
                if (object instanceof $root.cafe.v1.Bill)
                    return object;
                if (!$util.isObject(object))
                    throw $TypeError(".cafe.v1.Bill: object expected");
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let message = new $root.cafe.v1.Bill();
                if (object.total != null)
                    if ($Number(object.total) !== 0)
                        message.total = object.total | 0;
                if (object.items) {
                    if (!$Array.isArray(object.items))
                        throw $TypeError(".cafe.v1.Bill.items: array expected");
                    message.items = $Array(object.items.length);
                    for (let i = 0; i < object.items.length; ++i)
                        message.items[i] = $String(object.items[i]);
                }
                return message;
            };

            /**
             * Creates a plain object from a Bill message. Also converts values to other types if specified.
             * @function toObject
             * @memberof cafe.v1.Bill
             * @static
             * @param {cafe.v1.Bill} message Bill
             * @param {$protobuf.IConversionOptions} [options] Conversion options
             * @returns {Object.<string,*>} Plain object
             */
            Bill.toObject = function (message, options, _depth) {
                if (!options)
                    options = {};
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let object = {};
                if (options.arrays || options.defaults)
                    object.items = [];
                if (options.defaults)
                    object.total = 0;
                if (message.total != null && $Object.hasOwnProperty.call(message, "total"))
                    object.total = message.total;
                if (message.items && message.items.length) {
                    object.items = $Array(message.items.length);
                    for (let j = 0; j < message.items.length; ++j)
                        object.items[j] = message.items[j];
                }
                return object;
            };

            /**
             * Converts this Bill to JSON.
             * @function toJSON
             * @memberof cafe.v1.Bill
             * @instance
             * @returns {Object.<string,*>} JSON object
             */
            Bill.prototype.toJSON = function() {
                return Bill.toObject(this, $protobuf.util.toJSONOptions);
            };

            /**
             * Gets the type url for Bill
             * @function getTypeUrl
             * @memberof cafe.v1.Bill
             * @static
             * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns {string} The type url
             */
            Bill.getTypeUrl = function(prefix) {
                if (prefix === $undefined)
                    prefix = "type.googleapis.com";
                return prefix + "/cafe.v1.Bill";
            };

            return Bill;
        })();

        v1.Menu = (function() {

            /**
             * Properties of a Menu.
             * @typedef {Object} cafe.v1.Menu.$Properties
             * @property {string|null} [section] Menu section
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Menu.
             * @memberof cafe.v1
             * @interface IMenu
             * @augments cafe.v1.Menu.$Properties
             * @deprecated Use cafe.v1.Menu.$Properties instead.
             */

            /**
             * Shape of a Menu.
             * @typedef {cafe.v1.Menu.$Properties} cafe.v1.Menu.$Shape
             */

            /**
             * Constructs a new Menu.
             * @memberof cafe.v1
             * @classdesc Represents a Menu.
             * @constructor
             * @param {cafe.v1.Menu.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Menu = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Menu section.
             * @member {string} section
             * @memberof cafe.v1.Menu
             * @instance
             */
            Menu.prototype.section = "";

            /**
             * Creates a new Menu instance using the specified properties.
             * @function create
             * @memberof cafe.v1.Menu
             * @static
             * @param {cafe.v1.Menu.$Properties=} [properties] Properties to set
             * @returns {cafe.v1.Menu} Menu instance
             * @type {{
             *   (properties: cafe.v1.Menu.$Shape): cafe.v1.Menu & cafe.v1.Menu.$Shape;
             *   (properties?: cafe.v1.Menu.$Properties): cafe.v1.Menu;
             * }}
             */
            Menu.create = function(properties) {
                return new Menu(properties);
            };

            /**
             * Encodes the specified Menu message. Does not implicitly {@link cafe.v1.Menu.verify|verify} messages.
             * @function encode
             * @memberof cafe.v1.Menu
             * @static
             * @param {cafe.v1.Menu.$Properties} message Menu message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Menu.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.section != null && $Object.hasOwnProperty.call(message, "section") && message.section !== "")
                    writer.uint32(/* id 1, wireType 2 =*/10).string(message.section);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Encodes the specified Menu message, length delimited. Does not implicitly {@link cafe.v1.Menu.verify|verify} messages.
             * @function encodeDelimited
             * @memberof cafe.v1.Menu
             * @static
             * @param {cafe.v1.Menu.$Properties} message Menu message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Menu.encodeDelimited = function(message, writer) {
                return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
            };

            /**
             * Decodes a Menu message from the specified reader or buffer.
             * @function decode
             * @memberof cafe.v1.Menu
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {cafe.v1.Menu & cafe.v1.Menu.$Shape} Menu
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Menu.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.cafe.v1.Menu();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.section = value;
                            else
                                delete message.section;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            /**
             * Decodes a Menu message from the specified reader or buffer, length delimited.
             * @function decodeDelimited
             * @memberof cafe.v1.Menu
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @returns {cafe.v1.Menu & cafe.v1.Menu.$Shape} Menu
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Menu.decodeDelimited = function(reader) {
                if (!(reader instanceof $Reader))
                    reader = new $Reader(reader);
                return this.decode(reader, reader.size());
            };

            /**
             * Verifies a Menu message.
             * @function verify
             * @memberof cafe.v1.Menu
             * @static
             * @param {Object.<string,*>} message Plain object to verify
             * @returns {string|null} `null` if valid, otherwise the reason why it is not
             */
            Menu.verify = function (message, _depth) {
                if (typeof message !== "object" || message === null)
                    return "object expected";
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    return "max depth exceeded";
                if (message.section != null && $Object.hasOwnProperty.call(message, "section"))
                    if (!$util.isString(message.section))
                        return "section: string expected";
                return null;
            };

            /**
             * Creates a Menu message from a plain object. Also converts values to their respective internal types.
             * @function fromObject
             * @memberof cafe.v1.Menu
             * @static
             * @param {Object.<string,*>} object Plain object
             * @returns {cafe.v1.Menu} Menu
             */
            Menu.fromObject = function (object, _depth) {
                if (object instanceof $root.cafe.v1.Menu)
                    return object;
                if (!$util.isObject(object))
                    throw $TypeError(".cafe.v1.Menu: object expected");
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let message = new $root.cafe.v1.Menu();
                if (object.section != null)
                    if (typeof object.section !== "string" || object.section.length)
                        message.section = $String(object.section);
                return message;
            };

            /**
             * Creates a plain object from a Menu message. Also converts values to other types if specified.
             * @function toObject
             * @memberof cafe.v1.Menu
             * @static
             * @param {cafe.v1.Menu} message Menu
             * @param {$protobuf.IConversionOptions} [options] Conversion options
             * @returns {Object.<string,*>} Plain object
             */
            Menu.toObject = function (message, options, _depth) {
                if (!options)
                    options = {};
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let object = {};
                if (options.defaults)
                    object.section = "";
                if (message.section != null && $Object.hasOwnProperty.call(message, "section"))
                    object.section = message.section;
                return object;
            };

            /**
             * Converts this Menu to JSON.
             * @function toJSON
             * @memberof cafe.v1.Menu
             * @instance
             * @returns {Object.<string,*>} JSON object
             */
            Menu.prototype.toJSON = function() {
                return Menu.toObject(this, $protobuf.util.toJSONOptions);
            };

            /**
             * Gets the type url for Menu
             * @function getTypeUrl
             * @memberof cafe.v1.Menu
             * @static
             * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns {string} The type url
             */
            Menu.getTypeUrl = function(prefix) {
                if (prefix === $undefined)
                    prefix = "type.googleapis.com";
                return prefix + "/cafe.v1.Menu";
            };

            return Menu;
        })();

        v1.Dish = (function() {

            /**
             * Properties of a Dish.
             * @typedef {Object} cafe.v1.Dish.$Properties
             * @property {string|null} [name] Dish name
             * @property {number|null} [price] Dish price
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Dish.
             * @memberof cafe.v1
             * @interface IDish
             * @augments cafe.v1.Dish.$Properties
             * @deprecated Use cafe.v1.Dish.$Properties instead.
             */

            /**
             * Shape of a Dish.
             * @typedef {cafe.v1.Dish.$Properties} cafe.v1.Dish.$Shape
             */

            /**
             * Constructs a new Dish.
             * @memberof cafe.v1
             * @classdesc Represents a Dish.
             * @constructor
             * @param {cafe.v1.Dish.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Dish = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Dish name.
             * @member {string} name
             * @memberof cafe.v1.Dish
             * @instance
             */
            Dish.prototype.name = "";

            /**
             * Dish price.
             * @member {number} price
             * @memberof cafe.v1.Dish
             * @instance
             */
            Dish.prototype.price = 0;

            /**
             * Creates a new Dish instance using the specified properties.
             * @function create
             * @memberof cafe.v1.Dish
             * @static
             * @param {cafe.v1.Dish.$Properties=} [properties] Properties to set
             * @returns {cafe.v1.Dish} Dish instance
             * @type {{
             *   (properties: cafe.v1.Dish.$Shape): cafe.v1.Dish & cafe.v1.Dish.$Shape;
             *   (properties?: cafe.v1.Dish.$Properties): cafe.v1.Dish;
             * }}
             */
            Dish.create = function(properties) {
                return new Dish(properties);
            };

            /**
             * Encodes the specified Dish message. Does not implicitly {@link cafe.v1.Dish.verify|verify} messages.
             * @function encode
             * @memberof cafe.v1.Dish
             * @static
             * @param {cafe.v1.Dish.$Properties} message Dish message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Dish.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
                    writer.uint32(/* id 1, wireType 2 =*/10).string(message.name);
                if (message.price != null && $Object.hasOwnProperty.call(message, "price") && message.price !== 0)
                    writer.uint32(/* id 2, wireType 0 =*/16).int32(message.price);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Encodes the specified Dish message, length delimited. Does not implicitly {@link cafe.v1.Dish.verify|verify} messages.
             * @function encodeDelimited
             * @memberof cafe.v1.Dish
             * @static
             * @param {cafe.v1.Dish.$Properties} message Dish message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Dish.encodeDelimited = function(message, writer) {
                return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
            };

            /**
             * Decodes a Dish message from the specified reader or buffer.
             * @function decode
             * @memberof cafe.v1.Dish
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {cafe.v1.Dish & cafe.v1.Dish.$Shape} Dish
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Dish.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.cafe.v1.Dish();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.name = value;
                            else
                                delete message.name;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.price = value;
                            else
                                delete message.price;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            /**
             * Decodes a Dish message from the specified reader or buffer, length delimited.
             * @function decodeDelimited
             * @memberof cafe.v1.Dish
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @returns {cafe.v1.Dish & cafe.v1.Dish.$Shape} Dish
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Dish.decodeDelimited = function(reader) {
                if (!(reader instanceof $Reader))
                    reader = new $Reader(reader);
                return this.decode(reader, reader.size());
            };

            /**
             * Verifies a Dish message.
             * @function verify
             * @memberof cafe.v1.Dish
             * @static
             * @param {Object.<string,*>} message Plain object to verify
             * @returns {string|null} `null` if valid, otherwise the reason why it is not
             */
            Dish.verify = function (message, _depth) {
                if (typeof message !== "object" || message === null)
                    return "object expected";
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    return "max depth exceeded";
                if (message.name != null && $Object.hasOwnProperty.call(message, "name"))
                    if (!$util.isString(message.name))
                        return "name: string expected";
                if (message.price != null && $Object.hasOwnProperty.call(message, "price"))
                    if (!$util.isInteger(message.price))
                        return "price: integer expected";
                return null;
            };

            /**
             * Creates a Dish message from a plain object. Also converts values to their respective internal types.
             * @function fromObject
             * @memberof cafe.v1.Dish
             * @static
             * @param {Object.<string,*>} object Plain object
             * @returns {cafe.v1.Dish} Dish
             */
            Dish.fromObject = function (object, _depth) {
                if (object instanceof $root.cafe.v1.Dish)
                    return object;
                if (!$util.isObject(object))
                    throw $TypeError(".cafe.v1.Dish: object expected");
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let message = new $root.cafe.v1.Dish();
                if (object.name != null)
                    if (typeof object.name !== "string" || object.name.length)
                        message.name = $String(object.name);
                if (object.price != null)
                    if ($Number(object.price) !== 0)
                        message.price = object.price | 0;
                return message;
            };

            /**
             * Creates a plain object from a Dish message. Also converts values to other types if specified.
             * @function toObject
             * @memberof cafe.v1.Dish
             * @static
             * @param {cafe.v1.Dish} message Dish
             * @param {$protobuf.IConversionOptions} [options] Conversion options
             * @returns {Object.<string,*>} Plain object
             */
            Dish.toObject = function (message, options, _depth) {
                if (!options)
                    options = {};
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let object = {};
                if (options.defaults) {
                    object.name = "";
                    object.price = 0;
                }
                if (message.name != null && $Object.hasOwnProperty.call(message, "name"))
                    object.name = message.name;
                if (message.price != null && $Object.hasOwnProperty.call(message, "price"))
                    object.price = message.price;
                return object;
            };

            /**
             * Converts this Dish to JSON.
             * @function toJSON
             * @memberof cafe.v1.Dish
             * @instance
             * @returns {Object.<string,*>} JSON object
             */
            Dish.prototype.toJSON = function() {
                return Dish.toObject(this, $protobuf.util.toJSONOptions);
            };

            /**
             * Gets the type url for Dish
             * @function getTypeUrl
             * @memberof cafe.v1.Dish
             * @static
             * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns {string} The type url
             */
            Dish.getTypeUrl = function(prefix) {
                if (prefix === $undefined)
                    prefix = "type.googleapis.com";
                return prefix + "/cafe.v1.Dish";
            };

            return Dish;
        })();

        v1.Coin = (function() {

            /**
             * Properties of a Coin.
             * @typedef {Object} cafe.v1.Coin.$Properties
             * @property {number|null} [cents] Coin cents
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Coin.
             * @memberof cafe.v1
             * @interface ICoin
             * @augments cafe.v1.Coin.$Properties
             * @deprecated Use cafe.v1.Coin.$Properties instead.
             */

            /**
             * Shape of a Coin.
             * @typedef {cafe.v1.Coin.$Properties} cafe.v1.Coin.$Shape
             */

            /**
             * Constructs a new Coin.
             * @memberof cafe.v1
             * @classdesc Represents a Coin.
             * @constructor
             * @param {cafe.v1.Coin.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Coin = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Coin cents.
             * @member {number} cents
             * @memberof cafe.v1.Coin
             * @instance
             */
            Coin.prototype.cents = 0;

            /**
             * Creates a new Coin instance using the specified properties.
             * @function create
             * @memberof cafe.v1.Coin
             * @static
             * @param {cafe.v1.Coin.$Properties=} [properties] Properties to set
             * @returns {cafe.v1.Coin} Coin instance
             * @type {{
             *   (properties: cafe.v1.Coin.$Shape): cafe.v1.Coin & cafe.v1.Coin.$Shape;
             *   (properties?: cafe.v1.Coin.$Properties): cafe.v1.Coin;
             * }}
             */
            Coin.create = function(properties) {
                return new Coin(properties);
            };

            /**
             * Encodes the specified Coin message. Does not implicitly {@link cafe.v1.Coin.verify|verify} messages.
             * @function encode
             * @memberof cafe.v1.Coin
             * @static
             * @param {cafe.v1.Coin.$Properties} message Coin message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Coin.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.cents != null && $Object.hasOwnProperty.call(message, "cents") && message.cents !== 0)
                    writer.uint32(/* id 1, wireType 0 =*/8).int32(message.cents);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Encodes the specified Coin message, length delimited. Does not implicitly {@link cafe.v1.Coin.verify|verify} messages.
             * @function encodeDelimited
             * @memberof cafe.v1.Coin
             * @static
             * @param {cafe.v1.Coin.$Properties} message Coin message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Coin.encodeDelimited = function(message, writer) {
                return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
            };

            /**
             * Decodes a Coin message from the specified reader or buffer.
             * @function decode
             * @memberof cafe.v1.Coin
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {cafe.v1.Coin & cafe.v1.Coin.$Shape} Coin
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Coin.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.cafe.v1.Coin();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.cents = value;
                            else
                                delete message.cents;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            /**
             * Decodes a Coin message from the specified reader or buffer, length delimited.
             * @function decodeDelimited
             * @memberof cafe.v1.Coin
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @returns {cafe.v1.Coin & cafe.v1.Coin.$Shape} Coin
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Coin.decodeDelimited = function(reader) {
                if (!(reader instanceof $Reader))
                    reader = new $Reader(reader);
                return this.decode(reader, reader.size());
            };

            /**
             * Verifies a Coin message.
             * @function verify
             * @memberof cafe.v1.Coin
             * @static
             * @param {Object.<string,*>} message Plain object to verify
             * @returns {string|null} `null` if valid, otherwise the reason why it is not
             */
            Coin.verify = function (message, _depth) {
                if (typeof message !== "object" || message === null)
                    return "object expected";
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    return "max depth exceeded";
                if (message.cents != null && $Object.hasOwnProperty.call(message, "cents"))
                    if (!$util.isInteger(message.cents))
                        return "cents: integer expected";
                return null;
            };

            /**
             * Creates a Coin message from a plain object. Also converts values to their respective internal types.
             * @function fromObject
             * @memberof cafe.v1.Coin
             * @static
             * @param {Object.<string,*>} object Plain object
             * @returns {cafe.v1.Coin} Coin
             */
            Coin.fromObject = function (object, _depth) {
                if (object instanceof $root.cafe.v1.Coin)
                    return object;
                if (!$util.isObject(object))
                    throw $TypeError(".cafe.v1.Coin: object expected");
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let message = new $root.cafe.v1.Coin();
                if (object.cents != null)
                    if ($Number(object.cents) !== 0)
                        message.cents = object.cents | 0;
                return message;
            };

            /**
             * Creates a plain object from a Coin message. Also converts values to other types if specified.
             * @function toObject
             * @memberof cafe.v1.Coin
             * @static
             * @param {cafe.v1.Coin} message Coin
             * @param {$protobuf.IConversionOptions} [options] Conversion options
             * @returns {Object.<string,*>} Plain object
             */
            Coin.toObject = function (message, options, _depth) {
                if (!options)
                    options = {};
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let object = {};
                if (options.defaults)
                    object.cents = 0;
                if (message.cents != null && $Object.hasOwnProperty.call(message, "cents"))
                    object.cents = message.cents;
                return object;
            };

            /**
             * Converts this Coin to JSON.
             * @function toJSON
             * @memberof cafe.v1.Coin
             * @instance
             * @returns {Object.<string,*>} JSON object
             */
            Coin.prototype.toJSON = function() {
                return Coin.toObject(this, $protobuf.util.toJSONOptions);
            };

            /**
             * Gets the type url for Coin
             * @function getTypeUrl
             * @memberof cafe.v1.Coin
             * @static
             * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns {string} The type url
             */
            Coin.getTypeUrl = function(prefix) {
                if (prefix === $undefined)
                    prefix = "type.googleapis.com";
                return prefix + "/cafe.v1.Coin";
            };

            return Coin;
        })();

        v1.Words = (function() {

            /**
             * Properties of a Words.
             * @typedef {Object} cafe.v1.Words.$Properties
             * @property {string|null} [text] Words text
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Words.
             * @memberof cafe.v1
             * @interface IWords
             * @augments cafe.v1.Words.$Properties
             * @deprecated Use cafe.v1.Words.$Properties instead.
             */

            /**
             * Shape of a Words.
             * @typedef {cafe.v1.Words.$Properties} cafe.v1.Words.$Shape
             */

            /**
             * Constructs a new Words.
             * @memberof cafe.v1
             * @classdesc Represents a Words.
             * @constructor
             * @param {cafe.v1.Words.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Words = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Words text.
             * @member {string} text
             * @memberof cafe.v1.Words
             * @instance
             */
            Words.prototype.text = "";

            /**
             * Creates a new Words instance using the specified properties.
             * @function create
             * @memberof cafe.v1.Words
             * @static
             * @param {cafe.v1.Words.$Properties=} [properties] Properties to set
             * @returns {cafe.v1.Words} Words instance
             * @type {{
             *   (properties: cafe.v1.Words.$Shape): cafe.v1.Words & cafe.v1.Words.$Shape;
             *   (properties?: cafe.v1.Words.$Properties): cafe.v1.Words;
             * }}
             */
            Words.create = function(properties) {
                return new Words(properties);
            };

            /**
             * Encodes the specified Words message. Does not implicitly {@link cafe.v1.Words.verify|verify} messages.
             * @function encode
             * @memberof cafe.v1.Words
             * @static
             * @param {cafe.v1.Words.$Properties} message Words message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Words.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.text != null && $Object.hasOwnProperty.call(message, "text") && message.text !== "")
                    writer.uint32(/* id 1, wireType 2 =*/10).string(message.text);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Encodes the specified Words message, length delimited. Does not implicitly {@link cafe.v1.Words.verify|verify} messages.
             * @function encodeDelimited
             * @memberof cafe.v1.Words
             * @static
             * @param {cafe.v1.Words.$Properties} message Words message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Words.encodeDelimited = function(message, writer) {
                return this.encode(message, (writer || $Writer.create()).fork()).ldelim();
            };

            /**
             * Decodes a Words message from the specified reader or buffer.
             * @function decode
             * @memberof cafe.v1.Words
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {cafe.v1.Words & cafe.v1.Words.$Shape} Words
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Words.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.cafe.v1.Words();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.text = value;
                            else
                                delete message.text;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            /**
             * Decodes a Words message from the specified reader or buffer, length delimited.
             * @function decodeDelimited
             * @memberof cafe.v1.Words
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @returns {cafe.v1.Words & cafe.v1.Words.$Shape} Words
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Words.decodeDelimited = function(reader) {
                if (!(reader instanceof $Reader))
                    reader = new $Reader(reader);
                return this.decode(reader, reader.size());
            };

            /**
             * Verifies a Words message.
             * @function verify
             * @memberof cafe.v1.Words
             * @static
             * @param {Object.<string,*>} message Plain object to verify
             * @returns {string|null} `null` if valid, otherwise the reason why it is not
             */
            Words.verify = function (message, _depth) {
                if (typeof message !== "object" || message === null)
                    return "object expected";
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    return "max depth exceeded";
                if (message.text != null && $Object.hasOwnProperty.call(message, "text"))
                    if (!$util.isString(message.text))
                        return "text: string expected";
                return null;
            };

            /**
             * Creates a Words message from a plain object. Also converts values to their respective internal types.
             * @function fromObject
             * @memberof cafe.v1.Words
             * @static
             * @param {Object.<string,*>} object Plain object
             * @returns {cafe.v1.Words} Words
             */
            Words.fromObject = function (object, _depth) {
                if (object instanceof $root.cafe.v1.Words)
                    return object;
                if (!$util.isObject(object))
                    throw $TypeError(".cafe.v1.Words: object expected");
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let message = new $root.cafe.v1.Words();
                if (object.text != null)
                    if (typeof object.text !== "string" || object.text.length)
                        message.text = $String(object.text);
                return message;
            };

            /**
             * Creates a plain object from a Words message. Also converts values to other types if specified.
             * @function toObject
             * @memberof cafe.v1.Words
             * @static
             * @param {cafe.v1.Words} message Words
             * @param {$protobuf.IConversionOptions} [options] Conversion options
             * @returns {Object.<string,*>} Plain object
             */
            Words.toObject = function (message, options, _depth) {
                if (!options)
                    options = {};
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                let object = {};
                if (options.defaults)
                    object.text = "";
                if (message.text != null && $Object.hasOwnProperty.call(message, "text"))
                    object.text = message.text;
                return object;
            };

            /**
             * Converts this Words to JSON.
             * @function toJSON
             * @memberof cafe.v1.Words
             * @instance
             * @returns {Object.<string,*>} JSON object
             */
            Words.prototype.toJSON = function() {
                return Words.toObject(this, $protobuf.util.toJSONOptions);
            };

            /**
             * Gets the type url for Words
             * @function getTypeUrl
             * @memberof cafe.v1.Words
             * @static
             * @param {string} [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
             * @returns {string} The type url
             */
            Words.getTypeUrl = function(prefix) {
                if (prefix === $undefined)
                    prefix = "type.googleapis.com";
                return prefix + "/cafe.v1.Words";
            };

            return Words;
        })();

        return v1;
    })();

    return cafe;
})();

export {
  $root as default
};
