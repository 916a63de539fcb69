/* The engine as a type of Python: `_engine.Engine(code)`, for opvasm/explorer/native/search.py.
 *
 * Only the limited API is used, so that one build serves every CPython from 3.11 on.  The search
 * runs without the interpreter's lock; what it asks of Python takes the lock for as long.
 */
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "engine.h"
#include "lock.h"

#include <stdlib.h>
#include <string.h>

#define REPORT_SECONDS 0.05 /* between two looks at signals */

typedef struct {
    PyObject_HEAD
    Engine *engine;
    bool ran;
} EngineObject;

/* What a search asks of Python, and the thread state that it gave up. */
typedef struct {
    PyObject *bind, *place, *judge, *report;
    PyThreadState *thread;
    double last;
} Asked;

/* Take the interpreter's lock; what a helper of the search needs to give it back. */
static PyGILState_STATE enter_python(Engine *e) {
    Asked *asked = e->ask.self;
    if (e->helps) return PyGILState_Ensure();
    PyEval_RestoreThread(asked->thread);
    return PyGILState_LOCKED;
}

/* An exception of a helper is forgotten: what it was at is done once more by the thread that was asked. */
static void leave_python(Engine *e, PyGILState_STATE state) {
    Asked *asked = e->ask.self;
    if (e->helps) {
        PyErr_Clear();
        PyGILState_Release(state);
    } else {
        asked->thread = PyEval_SaveThread();
    }
}

static PyObject *whole(const uint64_t *words, uint32_t count, bool large) {
    for (uint32_t i = 1; i < count; i++)
        if (words[i])
            return PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s", (const char *)words,
                                       (Py_ssize_t)count * 8, "little");
    return large ? PyLong_FromUnsignedLongLong(words[0]) : PyLong_FromLongLong((int64_t)words[0]);
}

static PyObject *small(number value) {
    return value > (number)INT64_MAX ? PyLong_FromUnsignedLongLong((uint64_t)value) : PyLong_FromLongLong((int64_t)value);
}

/* The local state of a thread, as the tuple that the Python engine has. */
static PyObject *local_tuple(const Thread *t, const uint64_t *local) {
    PyObject *found = PyTuple_New(4 + (Py_ssize_t)t->registers_count);
    if (found == NULL) return NULL;
    long head[4] = {POINT(local), CPU(local), GUARD(local), RETURN(local)};
    for (int i = 0; i < 4; i++) {
        PyObject *item = PyLong_FromLong(head[i]);
        if (item == NULL || PyTuple_SetItem(found, i, item) < 0) goto failed;
    }
    for (uint32_t r = 0; r < t->registers_count; r++) {
        const Register *where = &t->registers[r];
        PyObject *item = whole(local + where->word, where->width, local[FLAGS + r / 64] >> (r % 64) & 1);
        if (item == NULL || PyTuple_SetItem(found, 4 + (Py_ssize_t)r, item) < 0) goto failed;
    }
    return found;
failed:
    Py_DECREF(found);
    return NULL;
}

static PyObject *threads_tuple(Engine *e) {
    PyObject *found = PyTuple_New(e->plan.threads_count);
    for (uint32_t i = 0; found != NULL && i < e->plan.threads_count; i++) {
        PyObject *item = local_tuple(&e->plan.threads[i], e->threads[i]);
        if (item == NULL || PyTuple_SetItem(found, i, item) < 0) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

/* ---- what the search asks ------------------------------------------------------------------- */

static bool ask_bind(Engine *e, uint32_t site, const number *values, Bound **found) {
    Asked *asked = e->ask.self;
    uint32_t count = e->plan.sites[site].count;
    PyGILState_STATE state = enter_python(e);
    PyObject *key = PyTuple_New(count), *answer = NULL;
    for (uint32_t i = 0; key != NULL && i < count; i++) {
        PyObject *item = small(values[i]);
        if (item == NULL || PyTuple_SetItem(key, i, item) < 0) Py_CLEAR(key);
    }
    if (key != NULL) answer = PyObject_CallFunction(asked->bind, "IO", site, key);
    char *bytes;
    Py_ssize_t size;
    *found = NULL;
    if (answer != NULL && PyBytes_AsStringAndSize(answer, &bytes, &size) == 0) {
        *found = load_bound((const uint8_t *)bytes, (size_t)size, e->plan.sites[site].ops);
        if (*found == NULL) PyErr_SetString(PyExc_ValueError, "a bound vector makes no sense");
    }
    Py_XDECREF(answer);
    Py_XDECREF(key);
    if (*found == NULL) e->stopped = BY_EXCEPTION;
    leave_python(e, state);
    if (*found == NULL) e->bail = "an exception";
    return *found != NULL;
}

/* The number that Python answers with; -1: an exception. */
static long answered(Engine *e, PyObject *answer) {
    long found = answer == NULL ? -1 : PyLong_AsLong(answer);
    Py_XDECREF(answer);
    if (found < 0) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no such answer");
        e->stopped = BY_EXCEPTION;
        e->bail = "an exception";
    }
    return found;
}

static bool ask_place(Engine *e, uint32_t thread, uint32_t online, uint32_t current, uint32_t target, uint8_t *found) {
    Asked *asked = e->ask.self;
    PyGILState_STATE state = enter_python(e);
    long answer = answered(e, PyObject_CallFunction(asked->place, "IIII", thread, online, current, target));
    leave_python(e, state);
    if (answer >= PLACES) e->bail = "no such place";
    if (answer < 0 || answer >= PLACES || (answer == PLACED_THERE && target >= e->plan.cpus)) return false;
    *found = (uint8_t)answer;
    return true;
}

static bool ask_judge(Engine *e, int which, bool *holds) {
    Asked *asked = e->ask.self;
    PyGILState_STATE state = enter_python(e);
    PyObject *threads = threads_tuple(e);
    PyObject *answer = threads == NULL ? NULL
                                       : PyObject_CallFunction(asked->judge, "iy#O", which, (const char *)e->memory,
                                                               (Py_ssize_t)e->plan.memory_size, threads);
    Py_XDECREF(threads);
    long found = answered(e, answer);
    leave_python(e, state);
    *holds = found > 0;
    return found >= 0;
}

static bool ask_report(Engine *e, uint64_t states, uint64_t waiting, uint64_t room) {
    Asked *asked = e->ask.self;
    double moment = now();
    if (moment - asked->last < REPORT_SECONDS) return true;
    asked->last = moment;
    PyGILState_STATE state = enter_python(e);
    bool good = PyErr_CheckSignals() == 0;
    if (good && asked->report != Py_None) {
        PyObject *answer = PyObject_CallFunction(asked->report, "KKK", (unsigned long long)states,
                                                 (unsigned long long)waiting, (unsigned long long)room);
        good = answer != NULL;
        Py_XDECREF(answer);
    }
    leave_python(e, state);
    return good;
}

/* ---- the type ------------------------------------------------------------------------------- */

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    const char *bytes, *wrong;
    Py_ssize_t size;
    if (kwargs != NULL && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Engine takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "y#", &bytes, &size)) return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    EngineObject *self = (EngineObject *)alloc(type, 0);
    if (self == NULL) return NULL;
    self->engine = calloc(1, sizeof *self->engine);
    if (self->engine == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    if (!load_plan(&self->engine->plan, (const uint8_t *)bytes, (size_t)size, &wrong)) {
        PyErr_SetString(PyExc_ValueError, wrong);
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void engine_dealloc(PyObject *object) {
    EngineObject *self = (EngineObject *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->engine != NULL) engine_end(self->engine);
    free(self->engine);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static bool sized(Py_ssize_t size, size_t wanted) {
    if ((size_t)size == wanted) return true;
    PyErr_SetString(PyExc_ValueError, "a table has another size than memory");
    return false;
}

PyDoc_STRVAR(run_doc,
"run(reductions, stays, bound, jobs, states, memory, seconds, sharing, bind, place, judge, report) -> (why it stopped, the KeyboardInterrupt that ended it or None)\n\n"
"Search.  `reductions` has the bits 1 fuse, 2 dead, 4 groups, 8 symmetry, 16 keep edges, 32 private,\n"
"64 sections, 128 vectors, 256 walk at random first to see who shares what; `sharing` is (threads, CPUs, written, classes, coverage), as bytes.");

static PyObject *engine_run(PyObject *object, PyObject *args) {
    EngineObject *self = (EngineObject *)object;
    Engine *e = self->engine;
    unsigned int reductions, stays, jobs;
    int bound;
    unsigned long long states, memory;
    double seconds;
    const char *given[5];
    Py_ssize_t sizes[5];
    Asked asked = {0};
    if (!PyArg_ParseTuple(args, "IIiIKKd(y#y#y#y#y#)OOOO", &reductions, &stays, &bound, &jobs, &states, &memory, &seconds,
                          &given[0], &sizes[0], &given[1], &sizes[1], &given[2], &sizes[2], &given[3], &sizes[3],
                          &given[4], &sizes[4], &asked.bind, &asked.place, &asked.judge, &asked.report))
        return NULL;
    if (self->ran) {
        PyErr_SetString(PyExc_RuntimeError, "an engine runs once");
        return NULL;
    }
    self->ran = true;
    e->options = (Options){
        .fuse = reductions & 1, .dead = reductions >> 1 & 1, .groups = reductions >> 2 & 1,
        .symmetry = reductions >> 3 & 1, .keep_edges = reductions >> 4 & 1, .private_ = reductions >> 5 & 1,
        .sections = reductions >> 6 & 1, .vectors = reductions >> 7 & 1, .probe = reductions >> 8 & 1, .stays = stays,
        .jobs = jobs < MOST_JOBS ? jobs : MOST_JOBS,
        .bound = bound, .most_states = states, .most_memory = memory, .seconds = seconds,
    };
    if (!engine_begin(e)) return PyErr_NoMemory();
    size_t size = e->plan.memory_size;
    if (!sized(sizes[0], size * 4) || !sized(sizes[1], size) || !sized(sizes[2], size) || !sized(sizes[3], size)
        || !sized(sizes[4], e->plan.cover_count))
        return NULL;
    if (size) {
        memcpy(e->sharing_threads, given[0], size * 4);
        memcpy(e->sharing_cpus, given[1], size);
        memcpy(e->sharing_written, given[2], size);
        memcpy(e->classes, given[3], size);
    }
    if (sizes[4]) memcpy(e->covered, given[4], (size_t)sizes[4]);
    e->ask = (Callbacks){ask_bind, ask_place, ask_judge, ask_report, &asked};
    asked.last = now();
    leave_python(e, PyGILState_LOCKED);
    search(e);
    enter_python(e);
    if (!PyErr_Occurred()) return Py_BuildValue("(iO)", e->stopped, Py_None);
    if (!PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) return NULL;
    PyObject *kind, *interrupt, *traceback;
    PyErr_Fetch(&kind, &interrupt, &traceback);
    PyErr_NormalizeException(&kind, &interrupt, &traceback);
    Py_XDECREF(kind);
    Py_XDECREF(traceback);
    e->stopped = BY_INTERRUPT;
    return Py_BuildValue("(iN)", e->stopped, interrupt);
}

static bool in_range(unsigned long long number, uint64_t count) {
    if (number < count) return true;
    PyErr_SetString(PyExc_IndexError, "there is no state of that number");
    return false;
}

static PyObject *engine_state(PyObject *object, PyObject *args) {
    Engine *e = ((EngineObject *)object)->engine;
    unsigned long long number_of_state;
    if (!PyArg_ParseTuple(args, "K", &number_of_state) || !in_range(number_of_state, e->store->states)) return NULL;
    go_to(e, number_of_state);
    PyObject *threads = threads_tuple(e);
    PyObject *budgets = PyTuple_New(e->plan.budgets_count), *running = PyTuple_New(e->tracks_running ? (Py_ssize_t)e->plan.cpus : 0);
    if (threads == NULL || budgets == NULL || running == NULL) goto failed;
    for (int i = 0; i < e->plan.budgets_count; i++) PyTuple_SetItem(budgets, i, PyLong_FromLong(e->system.budgets[i]));
    for (uint32_t i = 0; e->tracks_running && i < e->plan.cpus; i++)
        PyTuple_SetItem(running, i, PyLong_FromLong(e->system.running[i]));
    return Py_BuildValue("(y#NNINi)", (const char *)e->memory, (Py_ssize_t)e->plan.memory_size, threads, budgets,
                         e->system.online, running, e->system.preemptions);
failed:
    Py_XDECREF(threads);
    Py_XDECREF(budgets);
    Py_XDECREF(running);
    return NULL;
}

static PyObject *engine_came(PyObject *object, PyObject *args) {
    Engine *e = ((EngineObject *)object)->engine;
    unsigned long long number_of_state;
    if (!PyArg_ParseTuple(args, "K", &number_of_state) || !in_range(number_of_state, e->store->states)) return NULL;
    uint64_t came = e->store->came[number_of_state];
    return Py_BuildValue("(Iiii)", (unsigned int)(came >> 32), (int)(came >> 16 & 0xff), (int)(int8_t)(came & 0xff),
                         (int)(came >> 8 & 0xff));
}

static PyObject *engine_found(PyObject *object, PyObject *unused) {
    Engine *e = ((EngineObject *)object)->engine;
    PyObject *rows = PyList_New(0);
    for (uint64_t i = 0; rows != NULL && i < e->outcomes_count; i++) {
        if (e->outcomes[i].count == 0) continue;
        PyObject *row = Py_BuildValue("(KI)", (unsigned long long)e->outcomes[i].count, e->outcomes[i].state);
        if (row == NULL || PyList_Append(rows, row) < 0) Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    if (rows == NULL) return NULL;
    PyObject *events = PyList_New(0);
    for (uint64_t i = 0; events != NULL && i < e->events_count; i++) {
        PyObject *item = Py_BuildValue("(BI)", e->events[i].what, e->events[i].state);
        if (item == NULL || PyList_Append(events, item) < 0) Py_CLEAR(events);
        Py_XDECREF(item);
    }
    if (events == NULL) {
        Py_DECREF(rows);
        return NULL;
    }
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:N,s:N,s:K,s:y#,s:z}", "states", (unsigned long long)e->store->states, "expanded",
                         (unsigned long long)e->expanded, "transitions", (unsigned long long)e->transitions, "room",
                         (unsigned long long)e->room, "rows", rows, "events", events, "witnessed",
                         (unsigned long long)e->witnessed, "covered", (const char *)e->covered,
                         (Py_ssize_t)e->plan.cover_count, "bail", e->bail);
}

static PyObject *engine_edges(PyObject *object, PyObject *unused) {
    Engine *e = ((EngineObject *)object)->engine;
    return PyBytes_FromStringAndSize((const char *)e->edges, (Py_ssize_t)(e->edges_count * sizeof *e->edges));
}

static PyObject *engine_sharing(PyObject *object, PyObject *unused) {
    Engine *e = ((EngineObject *)object)->engine;
    Py_ssize_t size = e->classes == NULL ? 0 : (Py_ssize_t)e->plan.memory_size;
    return Py_BuildValue("(y#y#y#y#)", (const char *)e->sharing_threads, size * 4, (const char *)e->sharing_cpus, size,
                         (const char *)e->sharing_written, size, (const char *)e->classes, size);
}

static PyMethodDef METHODS[] = {
    {"run", engine_run, METH_VARARGS, run_doc},
    {"state", engine_state, METH_VARARGS, "state(number) -> memory, threads, budgets, online, running, preemptions"},
    {"came", engine_came, METH_VARARGS, "came(number) -> source, kind, thread, argument of the first way to a state"},
    {"found", engine_found, METH_NOARGS, "found() -> what the search has found, by name"},
    {"edges", engine_edges, METH_NOARGS, "edges() -> the transitions: source, target, kind, argument, thread, flags"},
    {"sharing", engine_sharing, METH_NOARGS, "sharing() -> who touches which byte, as run takes it, without the coverage"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot SLOTS_OF_TYPE[] = {
    {Py_tp_new, engine_new},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_methods, METHODS},
    {Py_tp_doc, "One search of one configuration, from its step code as bytes.  Raises ValueError."},
    {0, NULL},
};

static PyType_Spec SPEC = {"opvasm.explorer.native._engine.Engine", sizeof(EngineObject), 0, Py_TPFLAGS_DEFAULT, SLOTS_OF_TYPE};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&SPEC);
    if (type == NULL) return -1;
    int failed = PyModule_AddObjectRef(module, "Engine", type);
    Py_DECREF(type);
    if (failed < 0 || PyModule_AddIntConstant(module, "SOURCES", SOURCES) < 0)
        return -1;
    if (PyModule_AddIntConstant(module, "MOST_JOBS", HAS_THREADS ? MOST_JOBS : 1) < 0) return -1;
    return PyModule_AddIntConstant(module, "LAYOUT_VERSION", LAYOUT_VERSION);
}

#ifdef PLANTS
#include <time.h>
int planted;

void stumble(void) { nanosleep(&(struct timespec){0, 50000}, NULL); }

static PyObject *plant(PyObject *module, PyObject *args) {
    if (!PyArg_ParseTuple(args, "i", &planted)) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef FUNCTIONS[] = {
    {"plant", plant, METH_VARARGS, "plant(number): the engine makes an error on purpose from now on; 0: none"},
    {NULL, NULL, 0, NULL},
};
#else
#define FUNCTIONS NULL
#endif

static PyModuleDef_Slot MODULE_SLOTS[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_engine", "The explorer's engine in C.", 0, FUNCTIONS, MODULE_SLOTS, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__engine(void) { return PyModuleDef_Init(&MODULE); }
