// A Status Server on a real socket.io, driven by the tests.
//
//   node server.js --version v1|v2|v4 [--port N] [--ping-interval MS] [--ping-timeout MS]
//                  [--open-delay MS] [--cert FILE --key FILE] [--printer JSON]
//
// It writes one JSON object a line for all that happens, and takes one a line as orders:
//   {"printer": {"serialNumber", "publicKey"}}  know this printer
//   {"emit": [event, payload]}                  to every client
//   {"text": "4…"}                              a raw Engine.IO text frame to every client
//   {"drop": true}                              cut every TCP connection
//   {"report": true}                            write {"report": {connections, clients, events}}
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const readline = require('readline');
const { parseArgs } = require('util');

const text = { type: 'string' };
const { values: options } = parseArgs({
  options: {
    version: { ...text, default: 'v4' },
    port: { ...text, default: '0' },
    'ping-interval': { ...text, default: '25000' },
    'ping-timeout': { ...text, default: '20000' },
    'open-delay': { ...text, default: '0' },
    cert: text,
    key: text,
    printer: text, // known from the start, as in the order below
  },
});

const ACCOUNT = { email: 'maker@example.com', pin: '1234' };
const printers = new Map(); // serial number -> public key (PEM)
const clients = new Set();
const sockets = new Set();
const report = { connections: 0, events: {} };

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

function makeWebServer() {
  const refuse = (_request, response) => response.writeHead(404).end();
  if (!options.cert) return http.createServer(refuse);
  const cert = fs.readFileSync(options.cert);
  return https.createServer({ cert, key: fs.readFileSync(options.key) }, refuse);
}

// Section 1.3 of the protocol document.
function signatureMatches(publicKey, challenge, signature) {
  const verify = crypto.createVerify('RSA-SHA256');
  verify.update(challenge);
  return verify.verify(publicKey, Buffer.from(signature, 'base64'));
}

function judgeHello(hello, challenge) {
  const publicKey = printers.get(hello.serialNumber);
  if (!publicKey) return 'DELETED';
  return signatureMatches(publicKey, challenge, hello.signature || '') ? 'SUCCESS' : 'FAILED';
}

function judgeRegistration(register) {
  if (!register.mfg) return 'MFG_MISSING';
  if (register.email !== ACCOUNT.email || register.pin !== ACCOUNT.pin) return 'EMAIL_PIN_ERROR';
  return register.publicKey ? 'SUCCESS' : 'INVALID_KEY';
}

function answer(socket, challenge, event, payload) {
  if (event === 'hello') {
    const status = judgeHello(payload, challenge);
    say({ hello: status, payload });
    socket.emit('helloResponse', { status, message: '' });
    if (status !== 'SUCCESS') setTimeout(() => socket.disconnect(true), 50);
  } else if (event === 'register') {
    const reason = judgeRegistration(payload);
    const serialNumber = 'P3D' + crypto.randomInt(10000, 99999);
    if (reason === 'SUCCESS') printers.set(serialNumber, payload.publicKey);
    const status = reason === 'SUCCESS' ? 'SUCCESS' : 'FAILED';
    say({ register: reason, serialNumber });
    socket.emit('registerResponse', { serialNumber, status, reason });
  }
}

function welcome(socket) {
  const challenge = crypto.randomBytes(16).toString('hex');
  report.connections += 1;
  clients.add(socket);
  say({ connection: report.connections });
  const deliver = socket.onevent; // sees every event, in all versions
  socket.onevent = function onevent(packet) {
    const [event, payload] = packet.data;
    report.events[event] = (report.events[event] || 0) + 1;
    say({ event, payload });
    answer(socket, challenge, event, payload);
    deliver.call(this, packet);
  };
  socket.on('disconnect', (reason) => {
    clients.delete(socket);
    say({ disconnect: reason });
  });
  socket.emit('welcome', { challenge });
}

const orders = {
  printer: ({ serialNumber, publicKey }) => printers.set(serialNumber, publicKey),
  emit: ([event, payload]) => clients.forEach((client) => client.emit(event, payload)),
  text: (frame) => clients.forEach(({ conn }) => conn.transport.socket.send(frame)),
  drop: () => sockets.forEach((socket) => socket.destroy()),
  report: () => say({ report: { ...report, clients: clients.size } }),
};

if (options.printer) orders.printer(JSON.parse(options.printer));
const web = makeWebServer();
const io = require(`socket.io-${options.version}`)(web, {
  pingInterval: Number(options['ping-interval']),
  pingTimeout: Number(options['ping-timeout']),
  maxHttpBufferSize: 1e7,
});
io.use((_socket, next) => setTimeout(next, Number(options['open-delay'])));
io.on('connection', welcome);
web.on(options.cert ? 'secureConnection' : 'connection', (socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});
web.listen(Number(options.port), '127.0.0.1', () => say({ listening: web.address().port }));

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    for (const [order, argument] of Object.entries(JSON.parse(line))) orders[order](argument);
  })
  .on('close', () => process.exit(0)); // the test is gone
