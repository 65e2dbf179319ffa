//! Keys and values of maps as people write them, by the types that their object says.

use super::Machine;
use crate::load::btf::TypeId;
use crate::load::{Global, Initial, Object};
use crate::maps::Kind;
use crate::memory::MapIdx;
use crate::natural::{self, Mismatch, Step, Value};

impl Machine {
    /// The object whose types a map has, its key, its value, bytes of both, and for how many CPUs.
    fn types(&self, map: MapIdx) -> Option<(&Object, [TypeId; 2], [usize; 2], usize)> {
        let name = self.map_name(map)?;
        let object = self.objects().get(name.object)?;
        let sizes = [name.spec.key_size as usize, name.spec.value_size as usize];
        let percpu = Kind::from_number(name.spec.map_type).is_some_and(Kind::is_percpu);
        let cpus = if percpu { self.cpus() as usize } else { 1 };
        Some((object, [name.key, name.value], sizes, cpus))
    }

    /// The variables of a map that is a data section. (What its type says of their places is filled in by loaders only.)
    fn variables(&self, map: MapIdx) -> Option<(&Object, Vec<&Global>)> {
        let name = self.map_name(map)?;
        let object = self.objects().get(name.object)?;
        let (at, def) = object.map(&name.name)?;
        let all: Vec<&Global> = object.globals.iter().filter(|global| global.map == at).collect();
        (matches!(def.initial, Initial::Bytes(_)) && !all.is_empty()).then_some((object, all))
    }

    /// A key's bytes.
    ///
    /// # Errors
    /// If it does not fit the key's type.
    ///
    /// # Panics
    /// If there is no such map.
    pub fn encode_key(&self, map: MapIdx, key: &Value) -> Result<Vec<u8>, Mismatch> {
        let (object, [ty, _], [size, _], _) = self.types(map).expect("the map's place");
        natural::encode(&object.btf, ty, size, key)
    }

    /// A value's bytes, as [`Machine::update`] takes them. Of a per-CPU map: a list with one for each CPU, or one that
    /// all get.
    ///
    /// # Errors
    /// If it does not fit the value's type.
    ///
    /// # Panics
    /// If there is no such map.
    pub fn encode_value(&self, map: MapIdx, value: &Value) -> Result<Vec<u8>, Mismatch> {
        let (object, [_, ty], [_, size], cpus) = self.types(map).expect("the map's place");
        if let (Some((object, variables)), Some(fields)) = (self.variables(map), value.as_object()) {
            return encode_variables(object, &variables, size, fields);
        }
        let percpu = self.value_len(map) != size || cpus > 1;
        if !percpu {
            return natural::encode(&object.btf, ty, size, value);
        }
        let padded = |value: &Value| {
            let mut bytes = natural::encode(&object.btf, ty, size, value)?;
            bytes.resize(size.next_multiple_of(8), 0);
            Ok(bytes)
        };
        match padded(value) {
            Ok(bytes) => Ok(bytes.repeat(cpus)),
            Err(error) => match value.as_array() {
                Some(all) if all.len() == cpus => {
                    let each = all.iter().enumerate().map(|(cpu, value)| {
                        padded(value).map_err(|error: Mismatch| error.under(Step::Index(cpu)))
                    });
                    Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
                }
                Some(all) => {
                    let expected = format!("{cpus} values, one for each CPU, or one for all");
                    Err(Mismatch { path: vec![], expected, found: format!("a list of {}", all.len()) })
                }
                None => Err(error),
            },
        }
    }

    /// What a key's bytes mean.
    #[must_use]
    pub fn decode_key(&self, map: MapIdx, key: &[u8]) -> Value {
        match self.types(map) {
            Some((object, [ty, _], ..)) => natural::decode(&object.btf, ty, key),
            None => Value::Null,
        }
    }

    /// What a value's bytes mean, as [`Machine::lookup`] gives them: one, or one for each CPU.
    #[must_use]
    pub fn decode_value(&self, map: MapIdx, value: &[u8]) -> Vec<Value> {
        let Some((object, [_, ty], [_, size], cpus)) = self.types(map) else { return vec![] };
        if let Some((object, variables)) = self.variables(map) {
            return vec![decode_variables(object, &variables, value)];
        }
        let each = value.len() / cpus.max(1);
        let values = value.chunks(each.max(1)).take(cpus);
        values.map(|value| natural::decode(&object.btf, ty, &value[..size.min(value.len())])).collect()
    }
}

/// Where a variable lies in its section.
fn range(variable: &Global) -> std::ops::Range<usize> {
    variable.offset as usize..variable.offset as usize + variable.size as usize
}

fn encode_variables(
    object: &Object,
    variables: &[&Global],
    size: usize,
    fields: &serde_json::Map<String, Value>,
) -> Result<Vec<u8>, Mismatch> {
    let mut bytes = vec![0; size];
    for (name, value) in fields {
        let Some(variable) = variables.iter().find(|variable| variable.name == *name) else {
            let names: Vec<String> =
                variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
            let (expected, found) = (format!("a variable ({})", names.join(", ")), format!("`{name}`"));
            return Err(Mismatch { path: vec![], expected, found });
        };
        let encoded = natural::encode(&object.btf, variable.ty, variable.size as usize, value)
            .map_err(|error| error.under(Step::Field(name.clone())))?;
        if let Some(to) = bytes.get_mut(range(variable)) {
            to.copy_from_slice(&encoded);
        }
    }
    Ok(bytes)
}

fn decode_variables(object: &Object, variables: &[&Global], bytes: &[u8]) -> Value {
    let field = |variable: &&Global| {
        let value = natural::decode(&object.btf, variable.ty, bytes.get(range(variable))?);
        Some((variable.name.clone(), value))
    };
    Value::Object(variables.iter().filter_map(field).collect())
}
